"""`Reconciler`: one pass over one target, top to bottom. Plain synchronous code; whoever calls it owns the thread."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from config_sync.clock import Clock
from config_sync.errors import CheckRejected, FileError, ReloadFailed, Stopped, SyncError
from config_sync.files import Disk, WriteResult
from config_sync.log import FILE_WARNED, FILE_WRITTEN, RELOAD_DONE, RELOAD_WAITING, logger
from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    OnFirstSync,
    Outcome,
    Present,
    Record,
    Reload,
    ReloadOrder,
    ReloadResult,
    Result,
    Target,
)
from config_sync.plan import Plan, Reason, attempting, make_plan, published, told
from config_sync.reconciler.desired import Desired, Keys, PinnedOnce, Service, as_recorded, from_service
from config_sync.reconciler.occasion import Occasion, Slots, Unbounded
from config_sync.records import Records
from config_sync.reloads import run_check
from config_sync.stop import Stop
from config_sync.workqueue import Wake

_WORTH_ANOTHER_TRY = {Wake.START, Wake.COMMAND, Wake.SETTINGS}
"""What makes a content that an ``in_place`` check refused worth publishing once more: resyncs alone would make the
consumer's file wrong for a moment every few minutes."""


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
        self._refused: dict[str, tuple[Attempt, CheckRejected]] = {}
        self._failed_reloads: dict[str, int] = {}

    def reconcile(self, target: Target, occasion: Occasion, stop: Stop) -> Outcome:
        """One pass. An expected failure is an outcome; only Stopped and bugs come out as exceptions."""
        started = self._clock.monotonic()
        wrote: list[AbsolutePath] = []
        try:
            reason, reload = self._pass(target, occasion, stop, wrote)
        except SyncError as error:
            took_s = self._clock.monotonic() - started
            return Outcome(target.name, Result.FAILED, error.reason, took_s, error=error, wrote=tuple(wrote))
        took_s = self._clock.monotonic() - started
        result = Result.CHANGED if wrote else Result.UNCHANGED
        return Outcome(target.name, result, reason.value, took_s, reload=reload, wrote=tuple(wrote))

    def _pass(
        self, target: Target, occasion: Occasion, stop: Stop, wrote: list[AbsolutePath]
    ) -> tuple[Reason, ReloadResult | None]:
        record = self._records.get(target.name) or Record()
        if record.attempting is not None and not record.attempting.is_checked:
            record = self._finish_check(target, record, stop)
        observed = {spec.path: self._disk.observe(spec) for spec in target.files}
        desired = as_recorded(target, observed, record) if occasion.is_reload_retry else None
        if desired is None:
            desired = from_service(
                target,
                self._service,
                keys=self._keys,
                digest_key=self._records.digest_key,
                observed=observed,
                record=record,
                hints=occasion.hints,
                stop=stop,
            )
        plan = make_plan(
            desired.wanted,
            observed,
            record=record,
            has_reload=bool(target.reload),
            on_drift=target.on_drift,
            on_first_sync=target.on_first_sync,
        )
        if plan.writes:
            record = self._write(target, plan, desired, record, occasion, stop, wrote)
        else:
            self._publish(target, plan, desired, record, wrote)
        moved = published(record, desired.wanted, plan, story=desired.story, at=self._clock.now())
        self._records.save(target.name, moved)
        if not plan.reload_owed and record.attempting is not None:
            self._discard_kept(target, record.attempting)
        if occasion.may_reload and (plan.reload_owed or occasion.is_forced_reload):
            return plan.reason, self._reload(target, plan, moved, occasion, stop)
        return plan.reason, None

    # ---- validate and publish

    def _write(
        self,
        target: Target,
        plan: Plan,
        desired: Desired,
        record: Record,
        occasion: Occasion,
        stop: Stop,
        wrote: list[AbsolutePath],
    ) -> Record:
        """Stage, validate, save the attempt, publish. Returns the record with the attempt in it."""
        in_place = target.validate is not None and target.validate.in_place
        digests: dict[str, Digest] = {path: desired.rendered[path].digest for path in plan.writes}
        if in_place:
            self._refuse_again(target.name, digests, occasion)
        elif target.validate is not None:
            self._check_staged(target, desired, stop)
        stop.check()
        kept = dict(record.attempting.kept) if record.attempting is not None else {}
        if in_place:
            for spec in target.files:
                # A file that was never checked is no way back: the link made before it stays the last good one.
                if spec.path in digests and spec.path not in kept and (name := self._disk.keep(spec)) is not None:
                    kept[spec.path] = name
        attempt = Attempt(digests=digests, kept=kept, is_checked=not in_place)
        begun = attempting(record, attempt) if in_place or plan.reload_owed else record
        self._records.save(target.name, begun)
        try:
            self._publish(target, plan, desired, begun, wrote)
        except FileError:
            if not wrote:  # nothing became visible, so nothing is owed
                self._records.save(target.name, record)
            raise
        return self._finish_check(target, begun, stop) if in_place else begun

    def _publish(self, target: Target, plan: Plan, desired: Desired, record: Record, wrote: list[AbsolutePath]) -> None:
        """Every file, also those in sync: once per process the disk makes sure that they are durable."""
        if plan.writes:
            for path, warning in desired.warnings:
                logger().warning(FILE_WARNED, target=target.name, path=path, reason=warning)
        keep = tuple(record.attempting.kept.values()) if record.attempting is not None else ()
        tolerated = {one.path for one in plan.files if one.reason is Reason.DRIFT_TOLERATED}
        reasons = {one.path: one.reason for one in plan.files}
        for spec in target.files:
            rendered = desired.rendered.get(spec.path)
            if rendered is None or spec.path in tolerated:
                continue
            done = self._disk.publish(spec, rendered.content, keep=keep)
            for warning in done.warnings:
                logger().warning(FILE_WARNED, target=target.name, path=spec.path, reason=warning)
            if done.result in (WriteResult.WRITTEN, WriteResult.WRITTEN_NOT_DURABLE):
                wrote.append(spec.path)
                logger().debug(FILE_WRITTEN, target=target.name, path=spec.path, reason=reasons[spec.path].value)
            if done.error is not None:
                logger().warning(FILE_WARNED, target=target.name, path=spec.path, reason=done.error.message)

    def _check_staged(self, target: Target, desired: Desired, stop: Stop) -> None:
        assert target.validate is not None
        files = [(spec, desired.rendered[spec.path].content) for spec in target.files]
        needs_directory = any("{dir}" in word for word in target.validate.argv)
        with self._disk.stage(files, one_directory=needs_directory) as staged, self._slots.lent():
            paths = dict(staged.paths)
            if needs_directory and staged.directory is not None:
                paths = {path: f"{staged.directory}/{path.name}" for path in paths}
            run_check(target.validate, name=target.name, paths=paths, stop=stop)

    # ---- validation of files that are already visible (`in_place`)

    def _finish_check(self, target: Target, record: Record, stop: Stop) -> Record:
        """Ask the checker about what an attempt made visible; put the old bytes back if it says no.

        Also the first thing after a crash in between, before the service is asked: what nobody checked must not stay.
        """
        attempt = record.attempting
        assert attempt is not None
        if target.validate is None or not target.validate.in_place:
            return replace(record, attempting=replace(attempt, is_checked=True))
        paths = {spec.path: str(spec.path) for spec in target.files}
        try:
            with self._slots.lent():
                run_check(target.validate, name=target.name, paths=paths, stop=stop)
        except (CheckRejected, Stopped) as error:
            self._put_back(target, attempt)
            self._records.save(target.name, replace(record, attempting=None))
            if isinstance(error, CheckRejected):
                self._refused[target.name] = (attempt, error)
            raise
        checked = replace(record, attempting=replace(attempt, is_checked=True))
        self._records.save(target.name, checked)
        self._refused.pop(target.name, None)
        return checked

    def _put_back(self, target: Target, attempt: Attempt) -> None:
        for spec in target.files:
            state = self._disk.observe(spec)
            is_ours = isinstance(state, Present) and state.digest == attempt.digests.get(spec.path)
            if is_ours:
                self._disk.restore(spec, attempt.kept.get(spec.path))
            elif (kept := attempt.kept.get(spec.path)) is not None:
                self._disk.discard(spec, kept)

    def _refuse_again(self, name: str, digests: Mapping[str, str], occasion: Occasion) -> None:
        if name in self._refused and not occasion.wakes & _WORTH_ANOTHER_TRY:
            attempt, error = self._refused[name]
            if dict(attempt.digests) == dict(digests):
                raise error

    def _discard_kept(self, target: Target, attempt: Attempt) -> None:
        for spec in target.files:
            if (kept := attempt.kept.get(spec.path)) is not None:
                with contextlib.suppress(FileError):  # a leftover: the next write or start sweeps it
                    self._disk.discard(spec, kept)

    # ---- reload

    def _reload(
        self, target: Target, plan: Plan, record: Record, occasion: Occasion, stop: Stop
    ) -> ReloadResult | None:
        """Tell the consumer. The record says "owed" until it was told."""
        if not target.reload:
            raise ReloadFailed(f"target {target.name!r} has no reload", hint="add 'reload:' to the target")
        tries = self._failed_reloads.get(target.name, 0)
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
                results = [self._tell(one, order, stop) for one in target.reload]
        except ReloadFailed:
            self._failed_reloads[target.name] = tries + 1
            raise
        self._failed_reloads.pop(target.name, None)
        is_waiting = all(one is ReloadResult.WAITING_FOR_CONSUMER for one in results)
        if is_waiting and not (plan.is_first_sync and target.on_first_sync is OnFirstSync.AUTO):
            # It is not running, or just starting with the old content already read: the reload stays owed, quietly,
            # and a process that turns out to have started after the write settles it without being told.
            return ReloadResult.WAITING_FOR_CONSUMER
        self._records.save(target.name, told(record, at=self._clock.now()))
        if record.attempting is not None:
            self._discard_kept(target, record.attempting)
        return next((one for one in results if one is ReloadResult.RELOADED), results[0])

    @staticmethod
    def _tell(reload: Reload, order: ReloadOrder, stop: Stop) -> ReloadResult:
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
