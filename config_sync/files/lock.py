"""One writer at a time for each destination, among all that share a state directory.

The lock is a file of ours, never the destination or its directory: those belong to others, who may lock them for
reasons of their own. It is named by what the destination is (device and inode of its directory, and base name), not by
what it is called, so that two spellings of one path meet.

The file stays when the lock is let go: making and removing it each time would put two more changes into the journal
that the fsync of every write waits for. It does not pile up: there is one for a destination, it goes with a destination
that is given up, and at a start all go that nobody holds. Who locked one that was removed meanwhile sees that, and
takes a new one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from types import TracebackType

from config_sync.files.calls import Calls
from config_sync.files.failures import failure
from config_sync.files.replace import make_directory

_NAME = re.compile(r"[0-9a-f]{32}")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW


class ordered:  # noqa: N801 - a context manager, named as the function that it is to its users
    """Holds the lock of the destination `name` in the directory `at` while inside; waits for it.

    `state_dir` None: no lock. `is_last`: the destination is given up, and its lock file goes.

    Raises:
        FileError: the lock file cannot be made.
    """

    __slots__ = ("_at", "_calls", "_fd", "_is_last", "_name", "_own", "_state_dir")

    def __init__(self, calls: Calls, state_dir: str | None, name: str, *, at: int, is_last: bool = False) -> None:
        self._calls, self._state_dir, self._name, self._at, self._is_last = calls, state_dir, name, at, is_last
        self._own = ""
        self._fd = -1

    def __enter__(self) -> None:
        if self._state_dir is None:
            return
        self._own = f"{self._state_dir}/locks"
        doing = "fstat"
        try:
            parent = self._calls.fstat(self._at)
            self._own = f"{self._own}/{_name_of(parent.st_dev, parent.st_ino, self._name)}"
            doing = "lock"
            self._fd = _taken(self._calls, self._own)
        except OSError as error:
            raise failure(error, self._own, doing) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._fd < 0:
            return
        if self._is_last:
            with contextlib.suppress(OSError):
                self._calls.unlink(self._own)
        self._calls.close_quietly(self._fd)


def sweep_locks(calls: Calls, state_dir: str) -> None:
    """Removes the lock files that nobody holds: of destinations of old settings, or of a device with another number.

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


@functools.lru_cache(maxsize=1024)
def _name_of(device: int, inode: int, name: str) -> str:
    """What the lock of `name` in this directory is called."""
    place = f"{device}:{inode}:".encode() + os.fsencode(name)
    return hashlib.blake2b(place, digest_size=16, person=b"cs-path-lock").hexdigest()


def _taken(calls: Calls, path: str) -> int:
    """The lock file, locked and still under its name. By its path: all of it is ours."""
    while True:
        try:
            fd = calls.open(path, _FLAGS, mode=0o600)
        except FileNotFoundError:
            make_directory(os.path.dirname(path))
            fd = calls.open(path, _FLAGS, mode=0o600)
        try:
            calls.lock(fd, wait=True)
            if calls.fstat(fd).st_nlink:
                return fd
        except BaseException:
            calls.close_quietly(fd)
            raise
        calls.close_quietly(fd)  # it was removed while we waited
