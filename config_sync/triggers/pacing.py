"""When a lost stream is opened again: network.md's rules as arithmetic, chance handed in.

1. A clean end and an error draw the next delay of the growing series; the series starts over only after a stream has
   lived for `reconnect.max`, so a server that accepts and closes at once is not hammered.
2. Silence draws from [0, first] and grows nothing: a server without keep-alives is compared every `idle_timeout`.
3. Where a person must act (`Retry.SLOW`) the delay is uniform in [max/2, max].
4. ``Retry-After`` (once) and ``retry:`` (until the server says otherwise) are floors, capped at five minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from config_sync.backoff import RETRY_AFTER_CAP_S, Backoff, Delays, slow_delay
from config_sync.errors import Retry
from config_sync.triggers.stream_state import Loss


class Pacing:
    """The delays of one subscription; `chance` gives numbers in [0, 1)."""

    __slots__ = ("_chance", "_delays", "_reconnect", "_stream_floor_s")

    def __init__(self, reconnect: Backoff, chance: Callable[[], float]) -> None:
        self._reconnect = reconnect
        self._chance = chance
        self._delays = Delays(reconnect, chance)
        self._stream_floor_s: float | None = None

    @property
    def attempt(self) -> int:
        """How many delays of the growing series were drawn since it started over."""
        return self._delays.taken

    def heed(self, retry_ms: int | None) -> None:
        """Take the stream's ``retry:`` as a floor from now on; None changes nothing."""
        if retry_ms is not None:
            self._stream_floor_s = retry_ms / 1000

    def delay_after(self, loss: Loss, *, lived_s: float) -> float:
        """Seconds until the next connect; `lived_s` is how long the stream was live, 0 if it never was."""
        if lived_s >= self._reconnect.max_s:
            self._delays.reset()
        floors = [floor for floor in (loss.floor_s, self._stream_floor_s) if floor is not None]
        floor_s = min(max(floors), RETRY_AFTER_CAP_S) if floors else None
        if loss.is_silence:
            return Delays(self._reconnect, self._chance).next(floor_s)
        if loss.retry is Retry.BACKOFF:
            return self._delays.next(floor_s)
        drawn = slow_delay(self._reconnect.max_s, self._chance)
        if floor_s is None or drawn >= floor_s:
            return drawn
        return floor_s + self._chance() * self._reconnect.first_s
