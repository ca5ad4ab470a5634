"""Who may read a file: by the arithmetic of modes and ACLs, beside the kernel itself."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.process.access import Look, Reader, barrier, may

WHO = Reader("who", 1234, frozenset({2345, 3456}))
FILE = Look(0, 0, 0o100644)


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "may_read"),
    [
        (1234, 0, 0o400, True),
        (1234, 2345, 0o044, False),
        (0, 2345, 0o040, True),
        (0, 3456, 0o404, False),
        (0, 0, 0o004, True),
        (0, 0, 0o440, False),
    ],
)
def test_the_first_class_that_fits_decides(uid: int, gid: int, mode: int, may_read: bool) -> None:
    assert may(WHO, Look(uid, gid, mode), 4) is may_read


def test_a_user_that_is_not_made_yet_owns_nothing() -> None:
    assert not may(Reader("a dynamic user", None, frozenset()), Look(0, 0, 0o640), 4)


def test_root_reads_everything_and_what_is_not_there_stands_in_nobodys_way(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "file")
    assert barrier(Reader("root", 0, frozenset()), path, Look(0, 0, 0)) is None
    tmp_path.chmod(0o700)
    assert barrier(WHO, path, FILE) is not None


@pytest.fixture
def place() -> Iterator[Path]:
    """One that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="config-sync-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.root
@pytest.mark.acl
def test_it_says_what_the_kernel_does(place: Path) -> None:
    """Each mode and ACL of a directory and its file, read by a process with that user and groups."""
    acls = ("", "u:1234:x", "u:1234:---", "g:3456:x", "g:3456:---,g:2345:x", "u:1234:x,m::---", "g:2345:r-x,o::x")
    script = 'for path in "$@"; do cat "$path" >/dev/null 2>&1 && echo y || echo n; done'
    found: list[str] = []
    paths: list[str] = []
    for number, (mode, gid, acl) in enumerate(itertools.product((0o700, 0o710, 0o701, 0o755), (0, 2345), acls)):
        directory = place / str(number)
        directory.mkdir()
        file = directory / "file"
        file.touch()
        os.chown(file, 0, 2345 if number % 3 else 0)
        file.chmod((0o640, 0o600, 0o604, 0o444)[number % 4])
        os.chown(directory, 0, gid)
        directory.chmod(mode)
        if acl:
            subprocess.run(["setfacl", "-m", acl, str(directory)], check=True)
        paths.append(str(file))
        info = file.stat()
        is_let = barrier(WHO, str(file), Look(info.st_uid, info.st_gid, info.st_mode)) is None
        found.append("y" if is_let else "n")
    who = ("setpriv", "--reuid=1234", "--regid=2345", "--groups=3456")
    told = subprocess.run([*who, "sh", "-c", script, "sh", *paths], capture_output=True, text=True, check=True)
    assert list(zip(paths, found, strict=True)) == list(zip(paths, told.stdout.split(), strict=True))
    assert {"y", "n"} == set(found)
