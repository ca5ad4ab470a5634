"""What `Supervisor` needs to know of a program, and how it judges an end. Pure."""

from __future__ import annotations

import os.path
import signal
from collections.abc import Callable
from dataclasses import dataclass

from config_sync.backoff import Backoff, Delays
from config_sync.errors import ApplicationNotFound, ApplicationNotRunnable, ConfigSyncError
from config_sync.process import CouldNotStart, signal_name

RESTARTS = Backoff(first_s=1.0, max_s=30.0)
"""Between two runs with ``--restart on-failure``. The first delay has no jitter to speak of: one program, one host."""
_LIVED_S = 60.0
"""A run that lasted that long was none of a series of failures."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `restarts` None: its end is ours, whatever it is. `grace_s`: between TERM and KILL, in seconds."""

    argv: tuple[str, ...]
    grace_s: float = 10.0
    restarts: Backoff | None = None

    @property
    def name(self) -> str:
        """For messages and logs. Never the arguments, which may hold anything."""
        return os.path.basename(self.argv[0])

    def not_started(self, error: CouldNotStart) -> ConfigSyncError:
        """In the words of an operator, with the exit code that shells have for it."""
        kind = ApplicationNotRunnable if error.is_found else ApplicationNotFound
        return kind(
            f"{self.name} could not be started: {error}", hint="the words after -- are the program and its arguments"
        )


class Again:
    """Whether a program that ended by itself is started again, and when."""

    def __init__(self, restarts: Backoff | None, *, chance: Callable[[], float]) -> None:
        self._delays = None if restarts is None else Delays(restarts, lambda: 0.5 + chance() / 2)
        self._started_at: float | None = None

    def started(self, now: float) -> None:
        """It runs since `now`, of a monotonic clock in seconds."""
        self._started_at = now

    def after(self, code: int, *, now: float) -> float | None:
        """In how many seconds it is started again; None: its end is ours."""
        if self._delays is None or code == 0:
            return None
        if self._started_at is not None and now - self._started_at >= _LIVED_S:
            self._delays.reset()
        self._started_at = None
        return self._delays.next()


def why_ended(code: int) -> str:
    """``exited with 3``, ``died of SIGKILL``."""
    is_signal = code > 128 and code - 128 in signal.valid_signals()
    return f"died of {signal_name(code - 128)}" if is_signal else f"exited with {code}"
