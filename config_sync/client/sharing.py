"""One fetch for everybody who asks for the same config because of the same news (single flight).

Every mark must be followed by a fetch that *starts* later: that alone makes a fetched answer newer than the news. So a
fetch may serve whoever was marked before it started, under way or done, and nobody who was marked since. "Before" is
told by a counter of this process, not by a clock, which may stand still between the two.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from config_sync.client.service import Fetched
from config_sync.clock import Clock
from config_sync.errors import SyncError
from config_sync.model import ConfigRef
from config_sync.stop import Stop

KEPT_S = 5.0
"""How long after its end a fetch may serve others. Passes that one event woke run within moments of each other; those
that had to wait for longer (behind slow hooks) had better look anew."""

LOOK_UP_S = 0.05
"""How often whoever waits for another's fetch looks whether the program stops."""

_ticks = itertools.count(1)


def tick() -> int:
    """The next number of the process's counter; from any thread (`next` of a count is one step of the interpreter)."""
    return next(_ticks)


@dataclass(slots=True)
class _Flight:
    """One fetch: under way, then done with an answer or an error; neither: it was stopped, or ended in a bug."""

    started: int
    landed: threading.Event = field(default_factory=threading.Event)
    answer: Fetched | None = None
    error: SyncError | None = None
    ended_at: float = 0.0


class SharedFetches:
    """Fetches by `fetch` (see `client.Service`), shared among threads. At most one answer of each config is kept."""

    def __init__(self, fetch: Callable[[ConfigRef, Stop], Fetched], *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: dict[ConfigRef, _Flight] = {}

    def fetch(self, ref: ConfigRef, stop: Stop, *, marked: int | None) -> Fetched:
        """The answer of a fetch that started after the tick `marked`; None: of one that starts now.

        Raises:
            As `client.Service.fetch`. An error is shared as an answer is; each caller gets an exception of its own.
        """
        while True:
            with self._lock:
                flight = self._flights.get(ref)
                is_mine = flight is None or not self._serves(flight, marked)
                if flight is None or is_mine:
                    flight = self._flights[ref] = _Flight(tick())
                    self._sweep()
            if is_mine:
                return self._fly(flight, ref, stop)
            while not flight.landed.wait(LOOK_UP_S):
                stop.check()
            if flight.answer is not None:
                return flight.answer
            if flight.error is not None:
                raise copy.copy(flight.error)
            # Whoever flew was stopped, or met a bug: the next one asks for itself.

    def forget(self, ref: ConfigRef) -> None:
        """The answer is damaged: nobody else shall have it."""
        with self._lock:
            self._flights.pop(ref, None)

    def _fly(self, flight: _Flight, ref: ConfigRef, stop: Stop) -> Fetched:
        try:
            flight.answer = self._fetch(ref, stop)
        except SyncError as error:
            flight.error = copy.copy(error)  # without the frames of this thread
            raise
        finally:
            flight.ended_at = self._clock.monotonic()
            if flight.answer is None and flight.error is None:
                with self._lock:
                    if self._flights.get(ref) is flight:
                        del self._flights[ref]
            flight.landed.set()
        return flight.answer

    def _serves(self, flight: _Flight, marked: int | None) -> bool:
        if marked is None or flight.started <= marked:
            return False
        return not flight.landed.is_set() or self._clock.monotonic() - flight.ended_at <= KEPT_S

    def _sweep(self) -> None:
        """Let go of answers that serve nobody any more: a ciphertext of a megabyte is not kept for nothing."""
        now = self._clock.monotonic()
        for ref in [one for one, flight in self._flights.items() if _is_old(flight, now)]:
            del self._flights[ref]


def _is_old(flight: _Flight, now: float) -> bool:
    return flight.landed.is_set() and now - flight.ended_at > KEPT_S
