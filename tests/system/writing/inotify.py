"""What a watcher of a directory is told, by inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NAMES = {
    0x2: "MODIFY",
    0x4: "ATTRIB",
    0x8: "CLOSE_WRITE",
    0x40: "MOVED_FROM",
    0x80: "MOVED_TO",
    0x100: "CREATE",
    0x200: "DELETE",
    0x4000: "OVERFLOW",
}
"""All that tell of a change, and that some were lost."""
_EVENT = struct.Struct("iIII")


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to the entry `name`."""

    what: str
    name: str


class Watch:
    """An open watch of one directory."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def events(self) -> list[Event]:
        """All since the last time."""
        return list(self._pending())

    def _pending(self) -> Iterator[Event]:
        while True:
            try:
                told = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(told):
                _, mask, _, length = _EVENT.unpack_from(told, at)
                at += _EVENT.size
                name = told[at : at + length].rstrip(b"\0").decode()
                at += length
                yield from (Event(what, name) for bit, what in _NAMES.items() if mask & bit)


@contextmanager
def watched(directory: Path) -> Iterator[Watch]:
    """The directory watched while inside."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(directory), sum(_NAMES) & ~0x4000) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        yield Watch(fd)
    finally:
        os.close(fd)
