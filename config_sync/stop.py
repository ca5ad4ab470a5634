"""The one word that ends every wait.

A `Stop` is handed to everything that waits: sockets, hooks, sleeps. It is built on an eventfd, so that it can stand in
any `poll` beside a pidfd or a pipe, and so that setting it takes no lock: a signal handler may do it in the very thread
that waits (``threading.Event`` can deadlock there).
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Iterator

from config_sync.errors import Stopped

_LONGEST_MS = 2**31 - 1
"""What poll(2) takes, 24.8 days. Nothing here waits for longer."""


class Stop:
    """Set once, never cleared; readable for ever after."""

    __slots__ = ("_callbacks", "_fd", "_is_set")

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_set = False
        self._callbacks: dict[object, Callable[[], None]] = {}

    def set(self) -> None:
        """End every wait, now and from now on. Safe in a signal handler and from any thread."""
        if self._is_set:
            return
        self._is_set = True
        os.eventfd_write(self._fd, 1)
        for callback in tuple(self._callbacks.values()):
            callback()

    def is_set(self) -> bool:
        """Whether it has been said."""
        return self._is_set

    def fileno(self) -> int:
        """Readable once set: for a `poll` of one's own."""
        return self._fd

    def wait(self, timeout_s: float) -> bool:
        """Sleep for `timeout_s` seconds or until the stop; True means stopped."""
        if self._is_set:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(min(max(0.0, timeout_s) * 1000, _LONGEST_MS)))

    def check(self) -> None:
        """Raises Stopped once it has been said."""
        if self._is_set:
            raise Stopped

    @contextlib.contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Run `callback` (quick, never raising) at the stop while inside; at once if it was said before."""
        token = object()
        self._callbacks[token] = callback
        try:
            if self._is_set:
                callback()
            yield
        finally:
            self._callbacks.pop(token, None)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # Bound early: at the interpreter's end the modules may be gone before this object is.
        try:  # noqa: SIM105 - of the modules that are gone
            close(self._fd)
        except OSError:
            pass
