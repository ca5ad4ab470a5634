"""One canonical log line a pass, and none that says again what was just said: an outage is one line and its end one."""

from __future__ import annotations

from collections.abc import Callable

from config_sync.agent.settle import Again
from config_sync.errors import Retry, SyncError
from config_sync.log import TARGET_FAILED, TARGET_RECONCILED, TARGET_RECOVERED, logger
from config_sync.model import Outcome, Record, Result, Target
from config_sync.workqueue import Wake

SAY_AGAIN_S = 600.0
"""The same failure of the same target is told at most this often."""


class Storyteller:
    """Remembers what it said last of each target; `monotonic` gives seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said: dict[str, tuple[str, float]] = {}

    def tell(
        self,
        outcome: Outcome,
        *,
        target: Target,
        record: Record,
        recovered: SyncError | None,
        again: Again,
        wakes: frozenset[Wake],
    ) -> None:
        """Write the line that fits the outcome."""
        trigger = "+".join(sorted(wake.value for wake in wakes))
        took_s = round(outcome.took_s, 4)
        if outcome.error is not None:
            self._failed(outcome.error, outcome=outcome, again=again, trigger=trigger)
            return
        self._said.pop(outcome.target, None)
        if recovered is not None:
            logger().info(TARGET_RECOVERED, target=outcome.target, reason=recovered.reason, trigger=trigger)
        line = logger().info if outcome.result is Result.CHANGED or outcome.reload is not None else logger().debug
        line(
            TARGET_RECONCILED,
            target=outcome.target,
            outcome=outcome.result.value,
            reason=outcome.reason,
            config=",".join(ref.name for ref in target.configs),
            version=record.version,
            digest=record.revision,
            path=[str(path) for path in outcome.wrote] or None,
            reload=outcome.reload.value if outcome.reload is not None else None,
            changed_by=record.changed_by,
            saved_at=record.saved_at,
            trigger=trigger,
            took_s=took_s,
        )

    def _failed(self, error: SyncError, *, outcome: Outcome, again: Again, trigger: str) -> None:
        now = self._monotonic()
        said, at = self._said.get(outcome.target, ("", 0.0))
        is_news = said != error.message or now - at >= SAY_AGAIN_S
        if is_news:
            self._said[outcome.target] = (error.message, now)
        heals = error.retry is Retry.BACKOFF
        line = (logger().warning if heals else logger().error) if is_news else logger().debug
        line(
            TARGET_FAILED,
            target=outcome.target,
            outcome=outcome.result.value,
            reason=error.reason,
            error=error.message,
            hint=error.hint,
            path=[str(path) for path in outcome.wrote] or None,
            retry_in_s=round(again.in_s, 3),
            trigger=trigger,
            took_s=round(outcome.took_s, 4),
        )
