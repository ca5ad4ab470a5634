"""When a watch acts: connects again, fetches again. Pure: the time and the chance are handed in.

1. A clean end and an error draw the next delay of a growing series, uniform in [0, min(30, retry_delay * 2**k)] s, with
   k from 1; it starts over only after a stream has lived for 30 s. Without a `retry_delay` the unit is 0.01 s: a server
   that accepts and closes must not be stormed.
2. Silence on a live stream is no failure: one delay of the first size, nothing grows.
3. Where a person must act (401, 403, 404, a certificate …) the delay is uniform in [1/2, 1] of the longest: 32 times
   `retry_delay`, at most 30 s.
4. ``Retry-After`` (once) and the stream's ``retry:`` (from then on) are floors, capped at five minutes.
5. After a (re)connect the value is fetched; after an event too, and when that brings nothing new, again at
   `backoff.RECHECKS_S`: an event may come before its change can be read. The series ends with a version that is as
   new as the event's; where one of the two is not known, with a value that differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from config_sync.backoff import RETRY_AFTER_CAP_S, Backoff, Delays, recheck_delays, slow_delay
from config_sync.errors import Retry, ServiceUnavailable, SyncError

_LONGEST_S = 30.0
_SMALLEST_UNIT_S = 0.01


class Pace:
    """The delays between the connects of one watch."""

    def __init__(self, retry_delay_s: float, chance: Callable[[], float]) -> None:
        unit_s = max(retry_delay_s, _SMALLEST_UNIT_S)
        self._backoff = Backoff(min(2.0 * unit_s, _LONGEST_S), _LONGEST_S)
        self._slowest_s = min(32.0 * unit_s, _LONGEST_S)
        self._chance = chance
        self._delays = Delays(self._backoff, chance)
        self._floor_s: float | None = None

    def heed(self, retry_ms: int | None) -> None:
        """Take the stream's ``retry:`` as a floor from now on; None changes nothing."""
        if retry_ms is not None:
            self._floor_s = retry_ms / 1000

    def after_silence(self) -> float:
        """Seconds until the next connect."""
        return Delays(self._backoff, self._chance).next(self._floor_s)

    def after(self, error: SyncError | None, *, lived_s: float) -> float:
        """Seconds until the next connect; `error` None: a clean end. `lived_s`: how long the stream was live."""
        if lived_s >= _LONGEST_S:
            self._delays.reset()
        return self._delay(error)

    def _delay(self, error: SyncError | None) -> float:
        wish_s = error.retry_after_s if isinstance(error, ServiceUnavailable) else None
        floors = [one for one in (wish_s, self._floor_s) if one is not None]
        floor_s = min(max(floors), RETRY_AFTER_CAP_S) if floors else None
        if error is None or error.retry is Retry.BACKOFF:
            return self._delays.next(floor_s)
        return max(slow_delay(self._slowest_s, self._chance), floor_s or 0.0)


class Freshness:
    """When the value of one watch is to be fetched. Times are readings of a clock that only grows, in seconds."""

    def __init__(self, retry_delay_s: float, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._pace = Pace(retry_delay_s, chance)
        self._retry_delay_s = retry_delay_s
        self._due_at: float | None = None
        self._left: list[float] = []
        self._wanted: int | None = None

    def mark_connected(self, now: float) -> None:
        """A stream is open: what was missed is to be compared."""
        self._due_at = now

    def mark_event(self, now: float, version: int | None) -> None:
        """Something changed; `version` is what the event said, if it did."""
        self._due_at = now
        self._left = [*recheck_delays(self._chance)]
        self._wanted = version

    def due_in(self, now: float) -> float:
        """Seconds until the next fetch: 0 for now, `math.inf` for none."""
        return math.inf if self._due_at is None else max(0.0, self._due_at - now)

    def fetched(self, now: float, *, is_new: bool, version: int | None) -> None:
        """The service answered; `version` is the answer's, where it told one."""
        self._pace = Pace(self._retry_delay_s, self._chance)
        is_seen = is_new if self._wanted is None or version is None else version >= self._wanted
        if is_seen:
            self._left = []
        self._due_at = now + self._left.pop(0) if self._left else None

    def failed(self, now: float, error: SyncError) -> None:
        """The service did not answer, or refused."""
        self._due_at = now + self._pace.after(error, lived_s=0.0)

    def unusable(self) -> None:
        """The value cannot be opened or does not fit its type: only another one will."""
        self._due_at, self._left = None, []
