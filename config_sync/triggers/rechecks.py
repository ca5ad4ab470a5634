"""Reading one's own writes: an event may come before the change it tells of can be fetched.

After an event that brought nothing new the config is fetched again, at `backoff.RECHECKS_S`; one series an event, then
it is left to the resync. A newer event starts the series over, a change ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from config_sync.backoff import recheck_delays
from config_sync.workqueue import Wake


class Rechecks:
    """The series of one target; `chance` gives numbers in [0, 1)."""

    __slots__ = ("_chance", "_left")

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._left: tuple[float, ...] = ()

    def settled(self, wakes: Collection[Wake], *, is_new: bool | None) -> float | None:
        """After a run: seconds until the re-check (`Wake.RECHECK`), or None if there is none to make.

        `wakes` are those of the run. `is_new`: whether what was fetched differs from before, or is known by its
        version to be what the event told of; None where the run failed, so that nothing is known and the retry of the
        failure comes first (the series stays, for the run that succeeds).
        """
        if is_new:
            self._left = ()
            return None
        if Wake.EVENT in wakes:
            self._left = recheck_delays(self._chance)
        elif Wake.RECHECK in wakes and is_new is not None:
            self._left = self._left[1:]
        return self._left[0] if self._left and is_new is not None else None
