"""A look leaves no trace on a file of our own; one of another user's is looked at all the same."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from config_sync.files import UNREADABLE
from config_sync.files.calls import Calls
from config_sync.files.disk import Disk
from config_sync.model import Present, digest_of
from tests.unit.files.world import KEY, NOBODY, OLD, as_user, disk, spec_of


class Refusing(Calls):
    """As a file system or a user namespace that knows no O_NOATIME for us."""

    def open(self, name: str, flags: int, *, at: int | None = None, mode: int = 0) -> int:
        if flags & os.O_NOATIME:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return Calls.open(self, name, flags, at=at, mode=mode)


class Noting(Calls):
    """Notes the names that are read without a new access time."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet: list[str] = []

    def open(self, name: str, flags: int, *, at: int | None = None, mode: int = 0) -> int:
        if flags & os.O_NOATIME:
            self.quiet.append(name)
        return Calls.open(self, name, flags, at=at, mode=mode)


def test_own_file_keeps_its_access_time(old: Path) -> None:
    calls = Noting()
    before = old.stat()
    os.utime(old, ns=(10**18, before.st_mtime_ns))  # older than the mtime: relatime would move it
    writer = Disk(digest_key=KEY, state_dir=None, calls=calls)
    writer.observe(spec_of(old))
    writer.publish(spec_of(old), OLD)
    assert calls.quiet == [old.name] * len(calls.quiet) != []
    assert old.stat().st_atime_ns == 10**18


def test_where_it_is_refused_the_file_is_read_as_usual(old: Path) -> None:
    found = Disk(digest_key=KEY, state_dir=None, calls=Refusing()).observe(spec_of(old))
    assert isinstance(found, Present)
    assert found.digest == digest_of(OLD, key=KEY)


@pytest.mark.root
@pytest.mark.parametrize(("mode", "says"), [(0o644, digest_of(OLD, key=KEY)), (0o600, UNREADABLE)])
def test_file_of_another_user_is_read_if_that_is_allowed(old: Path, mode: int, says: str) -> None:
    old.chmod(mode)

    def work() -> str:
        found = disk().observe(spec_of(old))
        assert isinstance(found, Present)
        return found.digest

    assert as_user(NOBODY, work) == says
