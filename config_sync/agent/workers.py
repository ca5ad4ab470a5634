"""Where passes run: threads of our own, at most so many of them at work.

Never an executor: its threads are joined at exit, and a blocked resolver would hold the process for minutes. A thread
lends its slot while it waits for a process or a peer, so that slow hooks delay nobody.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

AT_WORK = 32
"""How many passes may hold a slot at once."""

SWITCH_S = 0.0002
"""How long a thread that computes may keep the interpreter from one that waits for it.

A pass does some hundred system calls and waits after each of them. With Python's own 5 ms a pass beside one that
renders 10 MB takes as long as that one (0.5 s and more); with this, some 20 ms. Alone, a thread does not notice.
"""

Job = Callable[[], None]


class Workers(Protocol):
    """What the agent needs of its threads; tests run the jobs inline."""

    on_room: Callable[[], None]
    """Called, from any thread, when a job might start that could not before."""

    @property
    def has_room(self) -> bool:
        """Whether a job would start at once."""
        ...

    def start(self, name: str, job: Job) -> None:
        """Run `job`, which never raises."""
        ...

    def lent(self) -> contextlib.AbstractContextManager[None]:
        """For a job: give its slot back while inside."""
        ...

    def idle(self, timeout_s: float) -> bool:
        """Wait until no job runs; False when the time is over."""
        ...

    def longest_s(self) -> float:
        """For how long the oldest job that holds a slot has held it."""
        ...


class Threads:
    """A daemon thread a job."""

    def __init__(self, *, at_work: int = AT_WORK) -> None:
        self.on_room: Callable[[], None] = lambda: None
        self._room = at_work
        self._held_since: dict[int, float] = {}
        self._running = 0
        self._changed = threading.Condition()
        sys.setswitchinterval(SWITCH_S)

    @property
    def has_room(self) -> bool:
        """Whether a slot is free."""
        return self._room > 0

    def start(self, name: str, job: Job) -> None:
        """Take a slot and start a thread. Call it only where `has_room` was true, from one thread."""
        with self._changed:
            self._room -= 1
            self._running += 1
        threading.Thread(target=self._run, args=(job,), name=f"pass {name}", daemon=True).start()

    def _run(self, job: Job) -> None:
        self._held_since[threading.get_ident()] = time.monotonic()
        try:
            job()
        finally:
            self._held_since.pop(threading.get_ident(), None)
            with self._changed:
                self._room += 1
                self._running -= 1
                self._changed.notify_all()
            self.on_room()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Give the slot back while inside; take it again at once on the way out, if need be beyond the limit.

        A finished hook must not wait for strangers before its outcome is recorded.
        """
        own = threading.get_ident()
        since = self._held_since.pop(own, None)
        with self._changed:
            self._room += 1
        self.on_room()
        try:
            yield
        finally:
            with self._changed:
                self._room -= 1
            if since is not None:
                self._held_since[own] = time.monotonic()

    def idle(self, timeout_s: float) -> bool:
        """Wait until every thread has finished; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, timeout_s)

    def longest_s(self) -> float:
        """0 when nobody holds a slot."""
        now = time.monotonic()
        return max((now - since for since in tuple(self._held_since.values())), default=0.0)
