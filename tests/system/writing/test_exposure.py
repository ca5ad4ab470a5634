"""Another user in a tight loop: never reads what is not for them, and gains nothing by what they plant."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Calls, Disk
from config_sync.model import FileSpec
from tests.system.writing import intruder
from tests.unit.files.world import KEY, NOBODY, disk, snapshot, spec_of, umask

pytestmark = pytest.mark.root

_PUBLISHES = 120
_SECRET = b"secret: 7\n" * 20_000


class WideOpen(Calls):
    """Makes temps as a careless writer does: by the umask. What the spy must be able to find out."""

    def open(self, name: str, flags: int, *, at: int | None = None, mode: int = 0) -> int:
        return Calls.open(self, name, flags, at=at, mode=0o666 if flags & os.O_CREAT else 0)


class ModeFirst(Calls):
    """Gives the mode before the owner: for a moment the directory's group has what the file's group is to have."""

    def fchown(self, fd: int, *, uid: int, gid: int) -> None:
        Calls.fchmod(self, fd, 0o640)
        Calls.fchown(self, fd, uid=uid, gid=gid)


@dataclasses.dataclass
class Loot:
    """What another user got; filled in at the end."""

    looks: int = 0
    denied: int = 0
    planted: int = 0
    read: list[str] = dataclasses.field(default_factory=list)


@contextmanager
def another_user(place: Path, work: str, directory: Path) -> Iterator[Loot]:
    """A process of `nobody` that works beside us while inside."""
    go, loot = place / "go", Loot()
    go.touch()
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # The text itself, since another user may not be able to read where it lies.
    source = Path(intruder.__file__).read_text(encoding="utf-8")
    words: list[str | Path] = [sys.executable, "-I", "-S", "-c", source, work, directory, go, place / "victim"]
    with subprocess.Popen(["setpriv", *user, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield loot
        finally:
            go.unlink()
            said, _ = process.communicate(timeout=20)
            for name, value in json.loads(said).items():
                setattr(loot, name, value)


def plain(directory: Path) -> None:
    """As mkdir makes it."""


def default_acl(directory: Path) -> None:
    """A default ACL that lets the other user read and write whatever is made here."""
    subprocess.run(["setfacl", "-d", "-m", f"u:{NOBODY}:rwx,m::rwx", directory], check=True)


def setgid(directory: Path) -> None:
    """All that is made here gets the other user's group."""
    os.chown(directory, 0, NOBODY)
    directory.chmod(0o2755)


def secret_at(directory: Path) -> FileSpec:
    """For root and group 2000 only."""
    return dataclasses.replace(spec_of(directory / "app.conf"), gid=2000)


@pytest.mark.acl
@pytest.mark.parametrize("prepare", [plain, default_acl, setgid])
@pytest.mark.parametrize("mask", [0o000, 0o077], ids=["umask-000", "umask-077"])
def test_spy_never_reads_the_secret(place: Path, prepare: object, mask: int) -> None:
    assert callable(prepare)
    directory = place / "shared"
    directory.mkdir()
    prepare(directory)
    with another_user(place, "spy", directory) as loot, umask(mask):
        for number in range(_PUBLISHES):
            disk().publish(secret_at(directory), b"%d" % number + _SECRET, keep_old=True)
    assert loot.read == []
    assert loot.denied > 0, "the spy must have met a temp, else this proves nothing"
    info = (directory / "app.conf").stat()
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (0, 2000, 0o640)
    shown = subprocess.run(["getfacl", "-c", directory / "app.conf"], check=True, capture_output=True, text=True).stdout
    assert str(NOBODY) not in shown
    assert "nobody" not in shown


@pytest.mark.parametrize(
    ("prepare", "calls"), [(plain, WideOpen), (setgid, ModeFirst)], ids=["by-the-umask", "mode-before-owner"]
)
def test_spy_finds_out_a_careless_writer(place: Path, prepare: object, calls: type[Calls]) -> None:
    assert callable(prepare)
    directory = place / "shared"
    directory.mkdir()
    prepare(directory)
    careless = Disk(digest_key=KEY, state_dir=None, calls=calls())
    with another_user(place, "spy", directory) as loot, umask(0):
        for number in range(4 * _PUBLISHES):
            careless.publish(secret_at(directory), b"%d" % number + _SECRET)
    assert loot.read != []


@pytest.mark.parametrize("owner", [None, NOBODY], ids=["for-root", "for-the-service"])
def test_planter_in_a_directory_of_its_own_gains_nothing(place: Path, owner: int | None) -> None:
    """Links and FIFOs appear under every name, and the writer is never lured out of the directory, nor stuck."""
    directory, victim = place / "theirs", place / "victim"
    directory.mkdir()
    os.chown(directory, NOBODY, NOBODY)
    victim.write_bytes(b"root's own")
    victim.chmod(0o600)
    before = snapshot(victim)
    spec = dataclasses.replace(spec_of(directory / "app.conf"), uid=owner, gid=owner)
    ends: Counter[str] = Counter()
    with another_user(place, "plant", directory) as loot:
        for number in range(4 * _PUBLISHES):
            with contextlib.suppress(OSError):
                (directory / "taken").unlink()
            try:
                disk().publish(spec, b"%d" % number + _SECRET)
            except FileError as error:
                ends[error.reason] += 1
            else:
                ends["written"] += 1
    assert snapshot(victim) == before
    assert loot.planted > 20
    assert ends.keys() <= {"written", "Interfered", "Overtaken", "UntrustedLink", "NotRegularFile", "DanglingLink"}
    assert ends.total() > ends["written"], "some must have been spoilt, else this proves nothing"
    assert victim.stat().st_nlink == 1
