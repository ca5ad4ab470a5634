"""When to look at a target again, after a pass: the one place where an outcome becomes a time.

`BACKOFF` errors wait as `retry` says in the first 30 s of the agent's life (a service that comes up with the machine
must not be missed), then as `reconnect` says; `SLOW` ones uniformly in [max/2, max] of `reconnect`; everything else
until the next resync. An event whose change cannot be read yet is looked for again in a short series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config_sync.backoff import Backoff, Delays, slow_delay
from config_sync.errors import ReloadFailed, Retry, ServiceUnavailable
from config_sync.model import ChangeEvent, ConfigName, Outcome, Record, ReloadResult, Result, Target
from config_sync.triggers.rechecks import Rechecks
from config_sync.triggers.resync import resync_delay
from config_sync.workqueue import Wake

EAGER_S = 30.0
"""How long after its start an agent retries as quickly as a one-shot run would."""

CONSUMER_BACKOFF = Backoff(first_s=2.0, max_s=60.0)
"""How often a consumer that is not running is looked for, without asking the service: it may just be starting, with
the old content already read. Long enough to cost nothing, short enough for a start that takes seconds."""


HOLD_LOOK_S = 60.0
"""How often a hold that ends by the clock on the wall is looked at: that clock may be set while a timer runs."""


@dataclass(frozen=True, slots=True)
class Again:
    """Look again in `in_s` seconds, because of `wake`."""

    in_s: float
    wake: Wake


class Pace:
    """One target's series of delays."""

    def __init__(
        self,
        *,
        retry: Backoff,
        reconnect: Backoff,
        resync_s: float,
        started_at: float,
        chance: Callable[[], float],
    ) -> None:
        self._eager = Delays(retry, chance)
        self._patient = Delays(reconnect, chance)
        self._consumer = Delays(CONSUMER_BACKOFF, chance)
        self._slow_s = reconnect.max_s
        self._resync_s = resync_s
        self._started_at = started_at
        self._chance = chance
        self._rechecks = Rechecks(chance)
        self._compare_by: float | None = None
        """When the next full compare is due; reload retries, which compare nothing, do not put it off."""
        self._appointment: tuple[float, Wake] | None = None
        """What was decided last. A look at the disk that found it as recorded changes nothing about it."""

    def after(
        self,
        outcome: Outcome,
        *,
        wakes: frozenset[Wake],
        hint: ChangeEvent | None,
        record: Record,
        now: float,
        is_partly: bool = False,
        hold_left_s: float | None = None,
    ) -> Again:
        """When to look again; `now` is of the clock that `started_at` was taken from.

        `hint`: the event that woke. `is_partly`: of several configs one is still older than an event told.
        `hold_left_s`: how long the target is still held, if that ends by itself.
        """
        if wakes == {Wake.FILES} and not outcome.is_compared and outcome.error is None and self._appointment:
            at, wake = self._appointment
            return Again(max(0.0, at - now), wake)
        again = self._decide(outcome, wakes=wakes, hint=hint, record=record, now=now, is_partly=is_partly)
        # Where a hold is over and its pass failed (no space for the record), the time of the failure holds.
        is_to_come = hold_left_s is not None and (hold_left_s > 0 or outcome.error is None)
        if hold_left_s is not None and is_to_come and min(hold_left_s, HOLD_LOOK_S) < again.in_s:
            again = Again(max(0.0, min(hold_left_s, HOLD_LOOK_S)), Wake.HOLD)
        self._appointment = (now + again.in_s, again.wake)
        return again

    def _decide(
        self,
        outcome: Outcome,
        *,
        wakes: frozenset[Wake],
        hint: ChangeEvent | None,
        record: Record,
        now: float,
        is_partly: bool,
    ) -> Again:
        if outcome.is_compared or self._compare_by is None or record.is_frozen:  # what is held is not compared
            self._compare_by = now + resync_delay(self._resync_s, self._chance)
        error = outcome.error
        if error is None:
            self._eager.reset()
            self._patient.reset()
            return self._after_success(outcome, wakes=wakes, hint=hint, record=record, now=now, is_partly=is_partly)
        self._rechecks.settled(wakes, is_new=None)
        if isinstance(error, ReloadFailed):
            return self._reload_in(self._backoff(now, None), now)
        match error.retry:
            case Retry.BACKOFF:
                floor = error.retry_after_s if isinstance(error, ServiceUnavailable) else None
                return Again(self._backoff(now, floor), Wake.RETRY)
            case Retry.SLOW:
                return Again(slow_delay(self._slow_s, self._chance), Wake.RETRY)
            case Retry.RESYNC:
                if record.reload_owed:  # of the last good file, which stays
                    return self._reload_in(self._consumer.next(), now)
                return self._resync(now)

    def _after_success(
        self,
        outcome: Outcome,
        *,
        wakes: frozenset[Wake],
        hint: ChangeEvent | None,
        record: Record,
        now: float,
        is_partly: bool,
    ) -> Again:
        is_told = hint is not None and hint.version is not None and hint.version == record.version
        is_new = not is_partly and (outcome.result is Result.CHANGED or is_told)
        recheck_in_s = self._rechecks.settled(wakes, is_new=is_new)
        if outcome.reload is ReloadResult.WAITING_FOR_CONSUMER and record.reload_owed:
            again = self._reload_in(self._consumer.next(), now)
        else:
            self._consumer.reset()
            again = self._resync(now)
        if recheck_in_s is not None and recheck_in_s < again.in_s:
            return Again(recheck_in_s, Wake.RECHECK)
        return again

    def _reload_in(self, delay_s: float, now: float) -> Again:
        """The reload alone, unless the full compare, which brings it too, is due before."""
        resync = self._resync(now)
        return resync if resync.in_s <= delay_s else Again(delay_s, Wake.RELOAD_RETRY)

    def _resync(self, now: float) -> Again:
        assert self._compare_by is not None
        return Again(max(0.0, self._compare_by - now), Wake.RESYNC)

    def _backoff(self, now: float, floor_s: float | None) -> float:
        series = self._eager if now - self._started_at < EAGER_S else self._patient
        return series.next(floor_s)


def is_behind(target: Target, hints: Mapping[str, ChangeEvent], record: Record) -> bool:
    """Whether of several configs one is still older than an event told, whatever else the pass brought."""
    known = {ref.name: record.version_of(ref, target) for ref in target.configs if ref.version is None}
    told = [(known.get(ConfigName(name)), hint.version) for name, hint in hints.items()]
    return len(known) > 1 and any(has is not None and new is not None and has < new for has, new in told)
