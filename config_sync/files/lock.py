"""One writer at a time for each destination, among all that share a state directory.

The lock is a file of ours, never the destination or its directory: those belong to others, who may lock them for
reasons of their own. It is named by what the destination is (device and inode of its directory, and base name), not by
what it is called, so that two spellings of one path meet. It is removed while it is held; who comes next sees that and
takes a new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator

from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.replace import make_directory

_NAME = re.compile(r"[0-9a-f]{32}")


@contextlib.contextmanager
def ordered(calls: Calls, state_dir: str | None, name: str, *, at: int) -> Iterator[None]:
    """Holds the lock of the destination `name` in the directory `at` while inside; waits for it. None: no lock.

    Raises:
        FileError: the lock file cannot be made.
    """
    if state_dir is None:
        yield
        return
    locks = os.path.join(state_dir, "locks")
    with step("fstat", locks):
        parent = calls.fstat(at)
    place = f"{parent.st_dev}:{parent.st_ino}:".encode() + os.fsencode(name)
    own = hashlib.blake2b(place, digest_size=16, person=b"cs-path-lock").hexdigest()
    with step("lock", os.path.join(locks, own)):
        directory = _directory(calls, locks)
    try:
        with step("lock", os.path.join(locks, own)):
            fd = _taken(calls, own, at=directory)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                calls.unlink(own, at=directory)
            calls.close_quietly(fd)
    finally:
        calls.close_quietly(directory)


def sweep_locks(calls: Calls, state_dir: str) -> None:
    """Removes the lock files of dead holders: after a restart of the machine a device may have another number.

    Never raises: such a file blocks nobody.
    """
    with contextlib.suppress(OSError):
        with calls.opened(os.path.join(state_dir, "locks"), os.O_RDONLY | os.O_DIRECTORY) as directory:
            for name in filter(_NAME.fullmatch, calls.names(directory)):
                with contextlib.suppress(OSError):
                    with calls.opened(name, os.O_RDWR | os.O_NOFOLLOW, at=directory) as fd:
                        # A name whose inode we hold is taken off by nobody else.
                        if calls.lock(fd, wait=False) and calls.fstat(fd).st_nlink:
                            calls.unlink(name, at=directory)


def _directory(calls: Calls, locks: str) -> int:
    try:
        return calls.open(locks, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        make_directory(locks)
        return calls.open(locks, os.O_RDONLY | os.O_DIRECTORY)


def _taken(calls: Calls, name: str, *, at: int) -> int:
    """The lock file, locked and still under its name."""
    while True:
        fd = calls.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, at=at, mode=0o600)
        try:
            calls.lock(fd, wait=True)
            if calls.fstat(fd).st_nlink:
                return fd
        except BaseException:
            calls.close_quietly(fd)
            raise
        calls.close_quietly(fd)  # its last holder removed it while we waited
