"""Directories on the way to a destination: made with ``create_parents``, and made durable."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from config_sync.files.calls import Calls
from config_sync.files.failures import failure

_MODE = 0o755


def make_parent(calls: Calls, name: str, *, at: int, path: str, is_durable: bool) -> None:
    """A directory of mode 0755 whatever the umask; a setgid bit it inherited stays. `path` is for messages.

    A kill between the two calls leaves it narrower, never wider. Raises FileError if it cannot be made, OSError if
    somebody else made it or the rest fails.
    """
    try:
        calls.mkdir(name, at=at, mode=_MODE)
    except FileExistsError:
        return
    except OSError as error:
        raise failure(error, path, "mkdir") from error
    with calls.opened(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, at=at) as fd:
        info = calls.fstat(fd)
        if info.st_uid != os.geteuid():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        if stat.S_IMODE(info.st_mode) & 0o777 != _MODE:
            calls.fchmod(fd, _MODE | info.st_mode & stat.S_ISGID)
    if is_durable:
        sync_entries(calls, at=at)


def sync_entries(calls: Calls, *, at: int) -> None:
    """Makes the entries of the directory `at` durable; one that we may not read is none we made. Raises OSError."""
    with contextlib.suppress(PermissionError):
        with calls.opened(".", os.O_RDONLY | os.O_DIRECTORY, at=at) as fd:
            with contextlib.suppress(OSError):  # not every file system can, and the publish itself is verified
                calls.fsync(fd)
