"""The writer among other processes: readers, a spy without rights, a trace of the kernel's view."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.files.world import NEW, NOBODY, OLD, disk, grant_by_default_acl, names, spec_of, umask
from tests.waiting import eventually

READER = """
import os, sys
path, small, big = sys.argv[1], b"s" * 1000, b"B" * 300_000
looks, switches, last = 0, 0, 0
while looks < 1000 or switches < 6:
    with open(path, "rb") as file:
        content = file.read()
    if content not in (small, big):
        sys.exit(f"mixed: {len(content)} bytes")
    switches += len(content) != last
    last = len(content)
    looks += 1
print(looks)
"""

SPY = """
import os, sys
directory = sys.argv[1]
looks = denied = 0
print("ready", flush=True)
while os.path.exists(directory + "/go"):
    for name in os.listdir(directory):
        if name == "go":
            continue
        try:
            fd = os.open(directory + "/" + name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        except PermissionError:
            denied += name.endswith(".tmp")
            continue
        sys.exit(f"opened {name}: {os.read(fd, 20)!r} {os.fstat(fd)}")
    looks += 1
print(looks, denied)
"""

WRITER = """
import os, sys
from tests.unit.files.world import NEW, disk, spec_of
writer = disk(state_dir=None)
os.getpgid(0)
writer.publish(spec_of(sys.argv[1]), NEW)
os.getpgid(0)
"""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_readers_see_whole_old_or_whole_new_bytes_in_a_thousand_looks(place: Path) -> None:
    path = place / "app.conf"
    contents = (b"s" * 1000, b"B" * 300_000)
    writer = disk(state_dir=place / "state")
    writer.publish(spec_of(path), contents[0])
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    number = 0
    while any(reader.poll() is None for reader in readers):
        number += 1
        writer.publish(spec_of(path), contents[number % 2])
    for reader in readers:
        out, errors = reader.communicate()
        assert (reader.returncode, errors) == (0, b"")
        assert int(out) >= 1000
    assert number >= 5


@pytest.mark.root
def test_spy_without_rights_never_opens_a_temp_or_the_file(place: Path) -> None:
    """Under the widest umask, a setgid directory and a default ACL that names the spy."""
    directory = place / "shared"
    directory.mkdir()
    os.chown(directory, 0, 2000)
    directory.chmod(0o2755)
    grant_by_default_acl(directory, NOBODY)
    (directory / "go").touch(mode=0o600)
    spy = subprocess.Popen(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", SPY, directory],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    assert spy.stdout is not None
    assert spy.stdout.readline() == b"ready\n"
    writer = disk()
    spec = spec_of(directory / "app.conf")
    with umask(0o000):
        for number in range(150):
            writer.publish(spec, b"%d" % number * 20_000)
    (directory / "go").unlink()
    out, errors = spy.communicate(timeout=60)
    assert (spy.returncode, errors) == (0, b"")
    looks, denied = map(int, out.split())
    assert looks > 10
    assert denied > 0, "the spy must have met a temp, else this proves nothing"


def test_killed_writer_leaves_a_whole_file_and_the_next_one_cleans_up(place: Path) -> None:
    path = place / "app.conf"
    path.write_bytes(OLD)
    loop = (
        "import sys; from tests.unit.files.world import *; writer = disk(); number = 0\n"
        "while True:\n number += 1; writer.publish(spec_of(sys.argv[1]), (b'%d\\n' % number) * 20_000)\n"
    )
    for _ in range(5):
        inode = path.stat().st_ino
        process = subprocess.Popen([sys.executable, "-c", loop, str(path)], cwd=ROOT)
        eventually(lambda inode=inode: path.stat().st_ino != inode)  # type: ignore[misc]
        process.kill()
        process.wait()
        lines = path.read_bytes().splitlines()
        assert len(lines) == 20_000
        assert len(set(lines)) == 1
    disk().publish(spec_of(path), NEW)
    assert names(place) == ["app.conf"]
    assert path.read_bytes() == NEW


@pytest.mark.strace
def test_kernel_sees_the_steps_in_the_order_that_makes_them_durable(place: Path) -> None:
    path = place / "app.conf"
    path.write_bytes(OLD)
    trace = place / "trace"
    subprocess.run(["strace", "-f", "-y", "-o", trace, sys.executable, "-B", "-c", WRITER, path], check=True, cwd=ROOT)
    steps = " ".join(steps_of(trace.read_text()))
    assert steps == "create flock write fchmod fsync-temp pin close-temp rename fsync-directory"
    assert path.read_bytes() == NEW


def steps_of(trace: str) -> Iterator[str]:
    """The steps between the two marks, by what each call was made on."""
    inside = False
    patterns = {
        r"openat\(.*\.tmp\".*O_CREAT\|O_EXCL\|O_NOFOLLOW": "create",
        r"flock\(\d+<[^>]*\.tmp>": "flock",
        r"write\(\d+<[^>]*\.tmp>": "write",
        r"fchmod\(\d+<[^>]*\.tmp>, 0640\)": "fchmod",
        r"fsync\(\d+<[^>]*\.tmp>\)": "fsync-temp",
        r"openat\(.*\.tmp\".*O_PATH": "pin",
        r"close\(\d+<[^>]*\.tmp>\)": "close-temp",
        r"rename(at|at2)?\(.*\.tmp\", .*\"app\.conf\"": "rename",
        r"fsync\(\d+<[^>]*>\)": "fsync-directory",
    }
    for line in trace.splitlines():
        if "getpgid(" in line:
            inside = not inside
        if not inside:
            continue
        step = next((name for pattern, name in patterns.items() if re.search(pattern, line)), None)
        if step is not None:
            yield step
