"""Time, handed in: nothing that decides asks the machine itself."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, twice: one that only grows, one that people read."""

    def monotonic(self) -> float:
        """Seconds since some start; never steps."""
        ...

    def now(self) -> float:
        """Unix time in seconds; may step."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    def monotonic(self) -> float:
        """CLOCK_MONOTONIC."""
        return time.monotonic()

    def now(self) -> float:
        """CLOCK_REALTIME."""
        return time.time()


def rfc3339(at: float) -> str:
    """Unix seconds as a person and a program read them: ``2026-11-29T16:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
