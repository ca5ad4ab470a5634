"""The last steps of a pass: the consumer is told, and seen to be well; the record says "owed" until then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config_sync.clock import Clock
from config_sync.errors import ReloadFailed, Stopped
from config_sync.files.names import DATA
from config_sync.log import PROBE_FAILED, RELOAD_DONE, RELOAD_WAITING, logger
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
from config_sync.reconciler.probing import await_well, is_well
from config_sync.records import Records
from config_sync.status import metrics
from config_sync.status.meters import METERS
from config_sync.stop import Stop
from config_sync.workqueue import Wake

_SEES_NEW_CONTENT = (ReloadResult.RELOADED, ReloadResult.ALREADY_CURRENT)
"""Only then a probe says something about it."""


class Teller:
    """Tells the consumers of targets and keeps count of failures. Shared by all threads, like `Reconciler`."""

    def __init__(self, records: Records, *, clock: Clock, slots: Slots, chance: Callable[[], float]) -> None:
        self._records = records
        self._clock = clock
        self._slots = slots
        self._chance = chance
        self._failed: dict[str, int] = {}

    def tell(self, target: Target, plan: Plan, record: Record, occasion: Occasion, stop: Stop) -> ReloadResult:
        """Run every reload of the target in order, up to the first failure, then its probe; then the record moves.

        `WAITING_FOR_CONSUMER` leaves the reload owed, but where no file was there before (on a first sync only under
        ``on_first_sync: auto``). The first try waits for a part of the target's splay, but not if an operator asked, or
        for a rollback, which is urgent.

        Raises:
            ReloadFailed: it stays owed; also where an operator asks for a reload and the target has none.
            Stopped: it stays owed.
        """
        if not target.is_told:
            raise ReloadFailed(f"target {target.name!r} has no reload", hint="add 'reload:' to the target")
        tries = self._failed.get(target.name, 0)
        untold = tuple(spec.path for spec in target.files if _is_untold(record, spec.path))
        order = self._order(
            target, record, occasion, changed=plan.writes or untold, reason=plan.reason.value, attempt=tries + 1
        )
        # A look at a consumer that did not run is no first try: it has waited already, and has a backoff of its own.
        is_first = tries == 0 and not occasion.wakes <= {Wake.RELOAD_RETRY}
        is_splayed = is_first and not occasion.is_forced_reload and not (plan.pin or record.pin)
        try:
            with self._slots.lent():
                if is_splayed and target.splay_s > 0 and stop.wait(self._chance() * target.splay_s):
                    raise Stopped
                results = [_run(one, order, stop) for one in target.reload] or [ReloadResult.RELOADED]
                if target.probe is not None and any(one in _SEES_NEW_CONTENT for one in results):
                    await_well(target.probe, order, stop, clock=self._clock)
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

    def begin_anew(self, name: str) -> None:
        """The consumer is to be told of something else: its failures so far do not count."""
        self._failed.pop(name, None)

    def is_well(self, target: Target, record: Record, occasion: Occasion, stop: Stop) -> bool:
        """Whether the probe holds now, as far as there is one: before a publish. Raises Stopped."""
        if target.probe is None:
            return True
        order = self._order(target, record, occasion, changed=(), reason="BeforePublish", attempt=1)
        with self._slots.lent():
            failed = is_well(target.probe, order, stop)
        if failed is not None:
            logger().warning(
                PROBE_FAILED,
                target=target.name,
                kind=target.probe.probe.kind,
                reason="before the change already: whatever comes of it, it is not rolled back",
                error=failed.message,
            )
        return failed is None

    @staticmethod
    def _order(
        target: Target,
        record: Record,
        occasion: Occasion,
        *,
        changed: Sequence[AbsolutePath],
        reason: str,
        attempt: int,
    ) -> ReloadOrder:
        return ReloadOrder(
            target=target.name,
            # Of a set without files the link is named, so that the words of hooks still mean its directory.
            files=tuple(spec.path for spec in target.files) or (AbsolutePath(f"{target.directory}/{DATA}"),),
            changed=tuple(changed),
            reason=reason,
            attempt=attempt,
            version=record.version,
            previous_version=record.previous_version,
            changed_by=record.changed_by,
            saved_at=record.saved_at,
            written_at=record.written_at,
            forced=occasion.is_forced_reload,
        )


def _run(reload: Reload, order: ReloadOrder, stop: Stop) -> ReloadResult:
    try:
        with METERS.timing("reload"):
            result = reload.run(order, stop)
    except ReloadFailed:
        METERS.count(metrics.RELOADS, order.target, reload.kind, "Failed")
        raise
    METERS.count(metrics.RELOADS, order.target, reload.kind, result.value)
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
