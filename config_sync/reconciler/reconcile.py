"""`Reconciler`: one pass over one target, top to bottom. Plain synchronous code; whoever calls it owns the thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from config_sync.clock import Clock
from config_sync.errors import FileError, SyncError
from config_sync.files import Disk
from config_sync.log import RELOAD_FAILED, logger
from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    FileState,
    Outcome,
    Record,
    ReloadResult,
    Result,
    Target,
)
from config_sync.plan import Plan, Reason, attempting, make_plan, published
from config_sync.reconciler.checking import Checker
from config_sync.reconciler.desired import (
    Desired,
    Keys,
    PinnedOnce,
    Service,
    as_recorded,
    from_service,
    guard_against_empty,
)
from config_sync.reconciler.drift import DriftLog
from config_sync.reconciler.occasion import Occasion, Slots, Unbounded
from config_sync.reconciler.publishing import Publisher
from config_sync.reconciler.telling import Teller
from config_sync.records import Records
from config_sync.stop import Stop
from config_sync.workqueue import Wake


@dataclass(slots=True)
class _Done:
    """What a pass has done by now, also if it ends in an error."""

    wrote: list[AbsolutePath] = field(default_factory=list)
    is_compared: bool = True
    has_told: bool = False
    """The consumer's turn has come, however it went."""


class Reconciler:
    """Makes targets right. Shared by all threads; a target is in at most one of them at a time (I1)."""

    def __init__(
        self,
        service: Service,
        *,
        keys: Keys,
        records: Records,
        disk: Disk,
        clock: Clock,
        slots: Slots | None = None,
    ) -> None:
        self._service = PinnedOnce(service)
        self._keys = keys
        self._records = records
        self._disk = disk
        self._clock = clock
        self._slots: Slots = slots or Unbounded()
        self._teller = Teller(records, clock=clock, slots=self._slots)
        self._checker = Checker(disk, records, slots=self._slots)
        self._publisher = Publisher(disk)
        self._drift = DriftLog(clock)

    def reconcile(self, target: Target, occasion: Occasion, stop: Stop) -> Outcome:
        """One pass. An expected failure is an outcome; only Stopped and bugs come out as exceptions."""
        started = self._clock.monotonic()
        done = _Done()
        try:
            reason, reload = self._pass(target, occasion, stop, done)
        except SyncError as error:
            reload = None if done.has_told else self._tell_owed(target, occasion, stop)
            took_s = self._clock.monotonic() - started
            wrote = tuple(done.wrote)
            return Outcome(target.name, Result.FAILED, error.reason, took_s, error, reload, wrote, done.is_compared)
        took_s = self._clock.monotonic() - started
        result = Result.CHANGED if done.wrote else Result.UNCHANGED
        return Outcome(target.name, result, reason.value, took_s, None, reload, tuple(done.wrote), done.is_compared)

    def _pass(self, target: Target, occasion: Occasion, stop: Stop, done: _Done) -> tuple[Reason, ReloadResult | None]:
        record = self._records.get(target.name) or Record()
        if record.attempting is not None and not record.attempting.is_checked:
            record = self._checker.finish(target, record, stop)
        observed = self._observe(target)
        desired: Desired | None = None
        if occasion.is_local:
            desired = as_recorded(target, observed, record, with_attributes=Wake.FILES in occasion.wakes)
        done.is_compared = desired is None
        if desired is None:
            desired = from_service(
                target,
                self._service,
                keys=self._keys,
                digest_key=self._records.digest_key,
                record=record,
                hints=occasion.hints,
                stop=stop,
            )
            observed = self._observe(target)  # anew: a fetch may take seconds, in which files change
            guard_against_empty(target, desired, observed)
        return self._carry_out(target, desired, observed, record, occasion, stop, done)

    def _observe(self, target: Target) -> dict[AbsolutePath, FileState]:
        return {spec.path: self._disk.observe(spec) for spec in target.files}

    def _carry_out(
        self,
        target: Target,
        desired: Desired,
        observed: Mapping[AbsolutePath, FileState],
        record: Record,
        occasion: Occasion,
        stop: Stop,
        done: _Done,
    ) -> tuple[Reason, ReloadResult | None]:
        plan = make_plan(
            desired.wanted,
            observed,
            record=record,
            has_reload=bool(target.reload),
            on_drift=target.on_drift,
            on_first_sync=target.on_first_sync,
        )
        self._drift.look(target, plan, observed, record)
        before = record
        if plan.writes:
            record = self._write(target, plan, desired, record, occasion, stop, done)
            self._drift.restored(plan, before)
        else:
            self._publisher.publish(target, plan, desired, record, done.wrote)
            if done.wrote and target.reload and not plan.reload_owed:
                # Somebody wrote after our look, and it was put right; the consumer may have read what they wrote.
                digests: dict[str, Digest] = {one.path: one.digest for one in desired.wanted if one.path in done.wrote}
                record = attempting(record, Attempt(digests=digests, kept={}))
                plan = replace(plan, reload_owed=True)
        cleared = self._publisher.clear(target, record)
        if cleared.has_vanished and target.reload:
            plan = replace(plan, reload_owed=True)
        moved = published(record, desired.wanted, plan, story=desired.story, at=self._clock.now(), dropped=cleared.left)
        self._records.save(target.name, moved)
        told: ReloadResult | None = None
        if occasion.may_reload and (plan.reload_owed or occasion.is_forced_reload):
            done.has_told = True
            told = self._teller.tell(target, plan, moved, occasion, stop)
        after = self._records.get(target.name)
        if record.attempting is not None and (after is None or after.attempting is None):
            self._checker.discard_kept(target, record.attempting)
        return plan.reason, told

    def _tell_owed(self, target: Target, occasion: Occasion, stop: Stop) -> ReloadResult | None:
        """The newest could not be had, or was refused: what is on disk must be told all the same, if that is owed."""
        record = self._records.get(target.name)
        if record is None or not record.reload_owed or not target.reload or not occasion.may_reload:
            return None
        if record.attempting is not None and not record.attempting.is_checked:
            return None
        try:
            observed = self._observe(target)
            desired = as_recorded(target, observed, record)
            if desired is None:
                return None
            return self._carry_out(target, desired, observed, record, occasion, stop, _Done())[1]
        except SyncError as error:  # it stays owed, and the pass has an error of its own to report
            logger().warning(RELOAD_FAILED, target=target.name, error=error.message, hint=error.hint)
            return None

    # ---- validate and publish

    def _write(
        self,
        target: Target,
        plan: Plan,
        desired: Desired,
        record: Record,
        occasion: Occasion,
        stop: Stop,
        done: _Done,
    ) -> Record:
        """Stage, validate, save the attempt, publish. Returns the record with the attempt in it."""
        in_place = target.validate is not None and target.validate.in_place
        digests: dict[str, Digest] = {path: desired.rendered[path].digest for path in plan.writes}
        if in_place:
            self._checker.refuse_again(target.name, digests, occasion)
        elif target.validate is not None:
            self._checker.check_staged(target, desired, stop)
        stop.check()
        kept: dict[str, str] = {}
        if in_place:
            # What is there is the way back. It was checked, or edited by a person: `_pass` began with the check of
            # what an earlier attempt may have left.
            for spec in target.files:
                if spec.path in digests and (name := self._disk.keep(spec)) is not None:
                    kept[spec.path] = name
        attempt = Attempt(digests=digests, kept=kept, is_checked=not in_place)
        begun = attempting(record, attempt) if in_place or plan.reload_owed else record
        self._records.save(target.name, begun)
        try:
            self._publisher.publish(target, plan, desired, begun, done.wrote)
        except FileError:
            if not done.wrote:  # nothing became visible, so nothing is owed
                self._records.save(target.name, record)
            raise
        return self._checker.finish(target, begun, stop) if in_place else begun
