"""Our own files (records, status) replaced whole, in directories that are ours alone."""

from __future__ import annotations

import contextlib
import errno
import os

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import sync_directory
from config_sync.files.failures import step
from config_sync.files.names import new_temp
from config_sync.files.whole import Attributes, made

_MOST_TRIES = 5


def make_directory(path: str) -> None:
    """The directory with all its parents: what is missing is made 0700, what is there stays. Raises OSError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path.rstrip("/"))
    if parent and parent != path:
        make_directory(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)


def replace_file(
    directory: str, name: str, content: bytes, *, mode: int, durable: bool = True, calls: Calls | None = None
) -> None:
    """Puts a whole file of ours in place: temp, fsync, rename, fsync of the directory; `durable` False: no fsync.

    Raises:
        FileError: the old file stays; after a failed fsync of the directory the new one does (``published``).
    """
    calls = calls or Calls()
    path = os.path.join(directory, name)
    with contextlib.ExitStack() as held:
        with step("open", path):
            here = held.enter_context(calls.opened(directory, os.O_RDONLY | os.O_DIRECTORY))
        _put(calls, name, content, mode, at=here, path=path, durable=durable)
        if durable:
            _, error = sync_directory(calls, at=here, path=path)
            if error is not None:
                raise error


def _put(calls: Calls, name: str, content: bytes, mode: int, *, at: int, path: str, durable: bool) -> None:
    """Made and renamed. Another process that starts sweeps what is not locked yet, so that it may be made again."""
    for tries_left in reversed(range(_MOST_TRIES)):
        temp = new_temp(name)
        try:
            with made(calls, temp, content, Attributes(mode), at=at, path=path, durable=durable), step("rename", path):
                calls.rename(temp, name, at=at)
        except FileError as error:
            if error.reason != "Interfered" or not tries_left:
                raise
        else:
            return
