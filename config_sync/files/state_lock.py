"""One agent for each state directory: two would take each other's reloads and records for their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from config_sync.errors import StateLocked
from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.replace import make_directory

_NAME = "lock"


class StateLock:
    """A flock on ``lock`` in the state directory, which holds its owner's pid. The kernel drops it at any death."""

    def __init__(self, state_dir: str, *, calls: Calls | None = None) -> None:
        self._state_dir = state_dir
        self._calls = calls or Calls()

    @contextlib.contextmanager
    def acquire(self) -> Iterator[None]:
        """Holds the lock while inside; never waits. Creates the directory (0700) if it is missing.

        Raises:
            StateLocked: another agent holds it; the message names its pid.
            FileError: the directory or the file cannot be made.
        """
        path = os.path.join(self._state_dir, _NAME)
        with step("mkdir", path):
            make_directory(self._state_dir)
        with step("open", path):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            fd = self._calls.open(path, flags, mode=0o600)
        try:
            with step("flock", path):
                if not self._calls.lock(fd, wait=False):
                    raise self._held(fd)
            with step("write", path):
                os.ftruncate(fd, 0)
                self._calls.write(fd, f"{os.getpid()}\n".encode())
            yield
        finally:
            # The file stays: removing it would let a third agent lock a name that the second one waits on.
            self._calls.close_quietly(fd)

    def _held(self, fd: int) -> StateLocked:
        text = os.pread(fd, 32, 0).strip()
        who = f"pid {int(text)}" if text.isdigit() else "an unknown pid"
        return StateLocked(
            f"another agent ({who}) holds the state directory {self._state_dir}",
            hint="stop it, or give this one a state_dir of its own",
        )
