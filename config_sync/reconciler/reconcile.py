"""`Reconciler`: one pass over one target, top to bottom. Plain synchronous code; whoever calls it owns the thread."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from config_sync.cache import RevisionCache
from config_sync.clock import Clock
from config_sync.errors import FileError, ReloadFailed, SyncError
from config_sync.files import Disk
from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    FileState,
    OnFailure,
    Order,
    Outcome,
    Record,
    Result,
    Target,
)
from config_sync.plan import Plan, Reason, attempting, make_plan, published
from config_sync.reconciler.checking import Checker
from config_sync.reconciler.choosing import Choice
from config_sync.reconciler.desired import (
    Desired,
    Keys,
    PinnedOnce,
    Service,
    SharedService,
    as_recorded,
    guard_against_empty,
    is_as_recorded,
    wanted_of,
)
from config_sync.reconciler.done import Done
from config_sync.reconciler.drift import DriftLog
from config_sync.reconciler.fallback import Fallback
from config_sync.reconciler.going_back import WaysBack, plan_of_return
from config_sync.reconciler.guarding import Schemas
from config_sync.reconciler.keeping import Keeper
from config_sync.reconciler.key_log import KeyLog
from config_sync.reconciler.occasion import Occasion, Slots, Unbounded
from config_sync.reconciler.pinning import Pinning
from config_sync.reconciler.publishing import Cleared, Publisher
from config_sync.reconciler.refusing import name_refused
from config_sync.reconciler.telling import Teller
from config_sync.records import Records
from config_sync.stop import Stop
from config_sync.ways_back import refusal
from config_sync.workqueue import Wake


class Reconciler:
    """Makes targets right (`named`: all paths). Shared by all threads; a target is in at most one of them (I1)."""

    def __init__(
        self,
        service: Service,
        *,
        keys: Keys,
        records: Records,
        disk: Disk,
        clock: Clock,
        cache: RevisionCache | None = None,
        slots: Slots | None = None,
        named: Collection[AbsolutePath] = (),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._service = SharedService(PinnedOnce(service), clock=clock)
        self._keys = keys
        self._records = records
        self._disk = disk
        self._clock = clock
        self._slots: Slots = slots or Unbounded()
        self._teller = Teller(records, clock=clock, slots=self._slots, chance=chance)
        self._ways_back = WaysBack(disk, records, clock=clock)
        self._checker = Checker(disk, records, slots=self._slots)
        self._publisher = Publisher(disk, named)
        self._drift = DriftLog(clock)
        self._key_log = KeyLog()
        self._schemas = Schemas()
        self._keeper = Keeper(cache, clock=clock)
        choice = Choice(cache, keys=keys, schemas=self._schemas, records=records, clock=clock)
        self._fallback = Fallback(records, choice, observe=self._observe, carry_out=self._carry_out)
        self._pinning = Pinning(records, cache, self._teller, keys=keys, schemas=self._schemas, clock=clock)

    def order(self, target: Target, order: Order) -> None:
        """What an operator asks, before a pass that carries it out. Raises UsageError, SyncError: nothing changed."""
        self._pinning.order(target, order)

    def reconcile(self, target: Target, occasion: Occasion, stop: Stop) -> Outcome:
        """One pass. An expected failure is an outcome; only Stopped and bugs come out as exceptions."""
        started = self._clock.monotonic()
        done = Done()
        try:
            reason = self._pass(target, occasion, stop, done)
        except SyncError as error:
            name_refused(error, done.found)
            return self._failed(target, error, occasion, stop, done, started)
        took_s = self._clock.monotonic() - started
        result = Result.CHANGED if done.wrote else Result.UNCHANGED
        return done.outcome(target.name, result, reason.value, took_s, None, done.told)

    def start_offline(self, target: Target, failed: Outcome, occasion: Occasion, stop: Stop) -> Outcome:
        """After a pass that failed without the cache: as it would have ended with it, by `Occasion.offline_start_s`."""
        assert failed.error is not None
        started = self._clock.monotonic() - failed.took_s
        return self._failed(target, failed.error, occasion, stop, Done(has_told=True, told=failed.reload), started)

    def _failed(
        self, target: Target, error: SyncError, occasion: Occasion, stop: Stop, done: Done, started: float
    ) -> Outcome:
        done.is_given_up = self._pinning.is_given_up(target.name, error, has_written=bool(done.wrote))
        told = self._fallback.serve(target, error, occasion, stop, done)
        reload = done.told if done.has_told else self._fallback.tell_owed(target, occasion, stop)
        done.is_present = self._fallback.is_present(target)
        took_s = self._clock.monotonic() - started
        return done.outcome(target.name, Result.FAILED, told.reason, took_s, told, reload)

    def _pass(self, named: Target, occasion: Occasion, stop: Stop, done: Done) -> Reason:
        """`named` is the target as the settings have it: the files of a set are known from the record, then anew."""
        record = self._records.get(named.name) or Record()
        target = record.known(named)
        if record.attempting is not None and record.attempting.is_going_back:
            record = self._ways_back.finish(target, record)
        if record.attempting is not None and not record.attempting.is_checked:
            record = self._checker.finish(target, record, stop, otherwise=record.pin)
        record = self._pinning.unless_over(named.name, record)
        before, observed = target, self._observe(target)
        done.is_compared = not (is_rollback := record.hold is not None)
        record = self._pinning.bring_back(named, record, observed, occasion, stop)
        if record.is_frozen:
            self._pinning.stand_still(target, record, observed, occasion, stop, done)
            self._ways_back.close(target, record)
            return Reason.HELD
        desired: Desired | None = None
        if occasion.is_local and record.has_written(named) and not is_rollback:
            desired = as_recorded(target, observed, record, with_attributes=Wake.FILES in occasion.wakes)
        done.is_compared = desired is None and not is_rollback
        if desired is None:
            done.is_edited = record.has_written(named) and not is_as_recorded(target, observed, record)
            desired = self._pinning.desired(
                named, record, self._service.since(occasion.marked), hints=occasion.hints, stop=stop
            )
            if not is_rollback:  # which is no news of the service
                done.found, done.opened_by = desired.story, self._key_log.look(desired.opened)
            target = desired.target or target
            observed = self._observe(before) | self._observe(target)  # anew: a fetch may take seconds
            guard_against_empty(named, desired, observed)
        reason, is_refused = self._carry_out(target, desired, observed, record, occasion, stop, done, before)
        self._pinning.is_back(named.name)
        if is_refused and (refused := refusal(record)) is not None:
            raise refused
        return reason

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
        done: Done,
        before: Target | None = None,
    ) -> tuple[Reason, bool]:
        """The pass's reason, and whether the newest is refused. `before` has the files that stand, else the same."""
        standing = before or target
        plan = make_plan(
            desired.wanted,
            observed,
            record=record,
            has_reload=target.is_told,
            on_drift=target.on_drift,
            on_first_sync=target.on_first_sync,
            is_compared=desired.target is not None,
            from_cache_at=self._clock.now() if desired.cached_as_of is not None else None,
            is_shrunk=desired.is_short_of(record),
            standing=[wanted_of(spec, record.written.get(spec.path, Digest(""))) for spec in standing.files],
        )
        target = standing if plan.is_refused else target
        if plan.is_refused and plan.repairs:
            desired = self._ways_back.as_it_stands(target, desired, observed)
        self._drift.look(target, plan, observed, record)
        earlier = record
        if plan.writes:
            record = self._write(target, plan, desired, observed, record, occasion, stop, done)
            self._drift.restored(plan, earlier)
        elif not plan.is_refused or plan.repairs:
            self._publisher.publish(target, plan, desired, record, done.wrote)
            if done.wrote and target.is_told and not plan.reload_owed:
                # Somebody wrote after our look, and it was put right; the consumer may have read what they wrote.
                digests: dict[str, Digest] = {one.path: one.digest for one in desired.wanted if one.path in done.wrote}
                record = attempting(record, Attempt(digests=digests, kept={}))
                plan = replace(plan, reload_owed=True)
        if not plan.is_refused:
            done.not_cached = self._keeper.keep(target, desired.seen)
        # What the refused revision names is no reason for anything to go.
        pruning = self._ways_back.as_it_prunes(target, plan, record)
        cleared = Cleared(record.dropped, {}) if plan.is_refused else self._publisher.clear(pruning, record)
        if cleared.vanished and target.is_told:
            plan = replace(plan, reload_owed=True)
            record = cleared.owed_by(record)
        moved = published(record, desired.wanted, plan, story=desired.story, at=self._clock.now(), dropped=cleared.left)
        self._records.save(target.name, moved)
        self._publisher.recorded(target, cleared)
        if occasion.may_reload and (plan.reload_owed or occasion.is_forced_reload):
            occasion.on_published(moved)
            done.has_told = True
            self._tell(target, plan, desired, moved, occasion, stop, done)
        self._ways_back.close(target, record)
        return plan.reason, plan.is_refused

    def _tell(
        self,
        target: Target,
        plan: Plan,
        desired: Desired,
        record: Record,
        occasion: Occasion,
        stop: Stop,
        done: Done,
    ) -> None:
        """The consumer is told; if it cannot live with it, it gets back what it had, where that is kept.

        Raises:
            RolledBack: it did.
            SyncError: it could not be told, of the one or the other.
        """
        try:
            done.told = self._teller.tell(target, plan, record, occasion, stop)
        except ReloadFailed as error:
            attempt = record.attempting
            back = attempt.back if attempt is not None and target.on_failure is OnFailure.ROLLBACK else None
            # A stop often comes with the consumer's own end (a shutdown): that says nothing about the content.
            if back is None or stop.is_set():
                raise
            self._keeper.refuse(target, record, back)
            gone = self._ways_back.go(target, desired.wanted, record, error)
            self._teller.begin_anew(target.name)
            refused = refusal(gone)
            assert refused is not None
            try:
                done.told = self._teller.tell(target, plan_of_return(target, gone), gone, occasion, stop)
            except ReloadFailed as again:
                message = f"{refused.message}; telling the consumer of those failed: {again.message}"
                raise ReloadFailed(message, hint=again.hint, reason=again.reason) from again
            raise refused from error

    def _write(
        self,
        target: Target,
        plan: Plan,
        desired: Desired,
        observed: Mapping[AbsolutePath, FileState],
        record: Record,
        occasion: Occasion,
        stop: Stop,
        done: Done,
    ) -> Record:
        """Stage, validate, save the attempt, publish. Returns the record with the attempt in it."""
        in_place = target.validate is not None and target.validate.in_place
        digests: dict[str, Digest] = {path: desired.rendered[path].digest for path in plan.writes}
        if in_place:
            self._checker.refuse_again(target.name, digests, occasion)
        elif target.validate is not None:
            self._checker.check_staged(target, desired, stop)
        back = self._ways_back.open_for(target, plan, desired.wanted, observed, record)
        is_fresh = record.attempting is None
        if back is not None and is_fresh and not self._teller.is_well(target, record, occasion, stop):
            back = None
        stop.check()
        # In place: what is there is the way back of the check. It was checked, or edited by a person: `_pass` began
        # with the check of what an earlier attempt may have left.
        kept = self._ways_back.kept(target, plan, observed) if in_place else {}
        if back is not None:
            back = self._ways_back.held(target, plan, observed, record, back, kept)
        follows = None if record.attempting is None else record.attempting.is_published
        attempt = Attempt(digests, kept, is_checked=not in_place, back=back, follows=follows)
        is_noted = in_place or plan.reload_owed or plan.is_rollback
        begun = replace(attempting(record, attempt), pin=plan.pin) if is_noted else record
        self._records.save(target.name, begun)
        try:
            self._publisher.publish(target, plan, desired, begun, done.wrote)
        except FileError:
            if not done.wrote:  # nothing became visible, so nothing is owed
                self._records.save(target.name, record)
                self._ways_back.drop_unused(target, begun, record)
            raise
        stood = record.pin if desired.cached_as_of is not None else begun.pin
        begun = self._checker.finish(target, begun, stop, otherwise=stood) if in_place else begun
        self._ways_back.let_go(target, plan, record)
        return begun
