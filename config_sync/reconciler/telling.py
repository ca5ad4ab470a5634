"""The last step of a pass: the consumer is told, and the record says "owed" until it was."""

from __future__ import annotations

from config_sync.clock import Clock
from config_sync.errors import ReloadFailed
from config_sync.log import RELOAD_DONE, RELOAD_WAITING, logger
from config_sync.model import (
    AbsolutePath,
    OnFirstSync,
    Record,
    Reload,
    ReloadOrder,
    ReloadResult,
    Target,
)
from config_sync.plan import Plan, told
from config_sync.reconciler.occasion import Occasion, Slots
from config_sync.records import Records
from config_sync.stop import Stop


class Teller:
    """Runs the reloads of targets and keeps count of those that failed. Shared by all threads, like `Reconciler`."""

    def __init__(self, records: Records, *, clock: Clock, slots: Slots) -> None:
        self._records = records
        self._clock = clock
        self._slots = slots
        self._failed: dict[str, int] = {}

    def tell(self, target: Target, plan: Plan, record: Record, occasion: Occasion, stop: Stop) -> ReloadResult:
        """Run every reload of the target in order, up to the first failure; the record moves when all are done.

        `WAITING_FOR_CONSUMER` leaves the reload owed, but where no file was there before (on a first sync only under
        ``on_first_sync: auto``).

        Raises:
            ReloadFailed: it stays owed; also where an operator asks for a reload and the target has none.
            Stopped: it stays owed.
        """
        if not target.reload:
            raise ReloadFailed(f"target {target.name!r} has no reload", hint="add 'reload:' to the target")
        tries = self._failed.get(target.name, 0)
        order = ReloadOrder(
            target=target.name,
            files=tuple(spec.path for spec in target.files),
            changed=plan.writes or tuple(spec.path for spec in target.files if _is_untold(record, spec.path)),
            reason=plan.reason.value,
            attempt=tries + 1,
            version=record.version,
            previous_version=record.previous_version,
            changed_by=record.changed_by,
            written_at=record.written_at,
            forced=occasion.is_forced_reload,
        )
        try:
            with self._slots.lent():
                results = [_run(one, order, stop) for one in target.reload]
        except ReloadFailed:
            self._failed[target.name] = tries + 1
            raise
        self._failed.pop(target.name, None)
        is_waiting = all(one is ReloadResult.WAITING_FOR_CONSUMER for one in results)
        # A first sync, or a boot that emptied /run: nothing was there to be read, so whoever starts reads the new.
        is_beginning = plan.finds_nothing if not plan.is_first_sync else target.on_first_sync is OnFirstSync.AUTO
        if is_waiting and not is_beginning:
            # It is not running, or just starting with the old content already read: the reload stays owed, quietly,
            # and a process that turns out to have started after the write settles it without being told.
            return ReloadResult.WAITING_FOR_CONSUMER
        self._records.save(target.name, told(record, at=self._clock.now()))
        return next((one for one in results if one is ReloadResult.RELOADED), results[0])


def _run(reload: Reload, order: ReloadOrder, stop: Stop) -> ReloadResult:
    result = reload.run(order, stop)
    is_done = result is ReloadResult.RELOADED
    line = logger().info if is_done else logger().debug
    line(
        RELOAD_DONE if is_done else RELOAD_WAITING,
        target=order.target,
        kind=reload.kind,
        outcome=result.value,
        reason=order.reason,
        version=order.version,
        attempt=order.attempt,
    )
    return result


def _is_untold(record: Record, path: AbsolutePath) -> bool:
    return record.written.get(path) != record.reloaded.get(path)
