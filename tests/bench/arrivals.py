"""When a file appeared under its name: inotify(7), read by a thread that sleeps until the kernel wakes it."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_MOVED_TO = 0x80
_HEAD = struct.Struct("iIII")
"""struct inotify_event without its name."""


class Arrivals:
    """The renames into one directory, with time.monotonic of the moment the reader woke. A context manager."""

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(directory), _MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._seen = threading.Condition()
        self._at: dict[str, float] = {}
        self._thread = threading.Thread(target=self._read, name="arrivals", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.eventfd_write(self._over, 1)
        self._thread.join()
        os.close(self._fd)
        os.close(self._over)

    def take(self, name: str, *, within_s: float) -> float:
        """The moment of the next rename to `name` that was not taken yet; waits for it. Raises TimeoutError."""
        with self._seen:
            if not self._seen.wait_for(lambda: name in self._at, within_s):
                raise TimeoutError(f"{name} did not change within {within_s} s")
            return self._at.pop(name)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._over, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            now = time.monotonic()
            if self._over in ready:
                return
            data = os.read(self._fd, 65536)
            with self._seen:
                while data:
                    _, _, _, length = _HEAD.unpack_from(data)
                    name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
                    data = data[_HEAD.size + length :]
                    self._at[os.fsdecode(name)] = now
                self._seen.notify_all()
