"""What an operator holds or takes back: his orders, and what they make of the passes that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from config_sync.cache import Cached, RevisionCache
from config_sync.clock import Clock
from config_sync.errors import CredentialError, FileError, RevisionMissing, SyncError, UsageError
from config_sync.log import ROLLBACK_BEGUN, TARGET_HELD, TARGET_RESUMED, logger
from config_sync.model import (
    ChangeEvent,
    ConfigRef,
    Digest,
    Hold,
    Missing,
    Order,
    Record,
    Resume,
    Rollback,
    Target,
)
from config_sync.pins import brought_back, given_up, going_to, held, is_return, resumed
from config_sync.plan import make_plan
from config_sync.reconciler.choosing import Observed
from config_sync.reconciler.desired import Desired, Keys, Service, from_service, wanted_of
from config_sync.reconciler.done import Done
from config_sync.reconciler.earlier import destination, on_disk, stories
from config_sync.reconciler.guarding import Schemas
from config_sync.reconciler.occasion import Occasion
from config_sync.reconciler.sources import CachedService
from config_sync.reconciler.telling import Teller
from config_sync.records import Records
from config_sync.stop import Stop
from config_sync.ways_back import named
from config_sync.workqueue import Wake


class Pinning:
    """Shared by all threads, like `Reconciler`."""

    def __init__(
        self,
        records: Records,
        cache: RevisionCache | None,
        teller: Teller,
        *,
        keys: Keys,
        schemas: Schemas,
        clock: Clock,
    ) -> None:
        self._records = records
        self._schemas = schemas
        self._cache = cache
        self._keys = keys
        self._teller = teller
        self._clock = clock
        self._gone: set[str] = set()
        """Held targets none of whose files was there at the start, as long as they have not been brought back."""

    def order(self, target: Target, order: Order) -> None:
        """The record says what was asked, for good; the next pass carries it out.

        Raises:
            UsageError: it is not held, or the revision may be several.
            RevisionMissing, RevisionDamaged: the cache does not have what is asked for.
            CredentialError, DecryptFailed, DocumentRefused, RenderRefused: it has, and it is of no use.
            FileError: it cannot be recorded.
        """
        record = self._records.get(target.name) or Record()
        match order:
            case Hold():
                self._hold(target, record, order)
            case Resume():
                self._resume(target, record, order)
            case Rollback():
                self._roll_back(target, record, order)
            case _:
                assert_never(order)

    def _hold(self, target: Target, record: Record, order: Hold) -> None:
        moved = held(record, order, at=self._clock.now())
        self._records.save(target.name, moved)
        logger().info(
            TARGET_HELD,
            target=target.name,
            version=record.version,
            digest=record.revision,
            reason=order.reason,
            who=order.who,
            until_s=order.for_s,
        )

    def _resume(self, target: Target, record: Record, order: Resume) -> None:
        if record.hold is None:
            skipping = record.skipping
            hint = "see 'config-sync status'"
            if skipping is not None:
                refused = named(skipping.refused_version, skipping.refused_revision)
                hint = f"{refused} is skipped after a failure: a newer one at the service ends that"
            raise UsageError(f"target {target.name!r} is not held", hint=hint)
        self._records.save(target.name, resumed(record))
        logger().info(TARGET_RESUMED, target=target.name, version=record.version, who=order.who, trigger="resume")

    def _roll_back(self, target: Target, record: Record, order: Rollback) -> None:
        if self._cache is None:
            raise RevisionMissing("there is no cache to go back to", hint="it needs a writable agent.state_dir")
        kept = {ref: self._cache.revisions(ref) for ref in target.configs}
        whole = destination(target, record, kept, order.to)
        to = {ref.label: one.revision for ref, one in whole.items()}
        now = on_disk(target, record)
        gone = [named(one.version, one.revision) for ref, one in whole.items() if now.get(ref) != one.revision]
        reason = f"rolled back to {', '.join(gone)}" if gone else "rolled back to what was on disk"
        if record.version is not None and gone:
            reason += f" from version {record.version}"
        moved = going_to(record, to, reason=reason, who=order.who, at=self._clock.now())
        self._made(target, moved, to, Stop())  # it must open and render, before anything is recorded
        self._records.save(target.name, moved)
        logger().warning(ROLLBACK_BEGUN, target=target.name, version=record.version, reason=reason, who=order.who)

    def _made(self, target: Target, record: Record, to: Mapping[str, str], stop: Stop) -> Desired:
        chosen = self._chosen(target, to)
        made = self._from(target, record, CachedService(chosen), stories(chosen), stop)
        return replace(made, seen=())  # it is no news of the service

    def _from(
        self, target: Target, record: Record, service: Service, hints: Mapping[str, ChangeEvent], stop: Stop
    ) -> Desired:
        return from_service(
            target,
            service,
            self._keys,
            self._schemas,
            digest_key=self._records.digest_key,
            record=record,
            hints=hints,
            stop=stop,
        )

    def _chosen(self, target: Target, to: Mapping[str, str]) -> dict[ConfigRef, Cached]:
        assert self._cache is not None
        return {ref: self._cache.load(ref, to[ref.label]) for ref in target.configs if ref.label in to}

    # ---- passes

    def desired(
        self, target: Target, record: Record, service: Service, *, hints: Mapping[str, ChangeEvent], stop: Stop
    ) -> Desired:
        """What should be: as the service has it, or, while a rollback is on its way, as the cache has it.

        Raises:
            RevisionMissing, RevisionDamaged: it is gone by now. Else as `from_service`.
        """
        if record.hold is not None and self._cache is not None:
            return self._made(target, record, record.hold.to, stop)
        return self._from(target, record, service, hints, stop)

    def is_given_up(self, name: str, error: SyncError, *, has_written: bool) -> bool:
        """Whether a rollback that could not be made is over: then all is as it was before it was asked for.

        It goes on where files of it are visible already, also by an earlier pass, where the key cannot be read, which
        heals, and where it only brings back what was held: there is nothing to leave as it is.
        """
        record = self._records.get(name)
        if record is None or record.hold is None or record.is_frozen:
            return False
        if name in self._gone and is_return(record.hold):
            return False
        is_begun = has_written or (record.attempting is not None and not record.attempting.is_published)
        if isinstance(error, CredentialError) or (is_begun and isinstance(error, FileError)):
            return False
        try:
            self._records.save(name, given_up(record))
        except FileError:  # the next pass tries it again
            return False
        return True

    def bring_back(self, target: Target, record: Record, observed: Observed, occasion: Occasion, stop: Stop) -> Record:
        """Held files none of which was there at the start (a memory file system) are published once more.

        Where that cannot be done yet (no key, no directory) later passes try it again, until something is there.

        Raises:
            SyncError: the cache does not have them any more, or they do not open.
        """
        hold = record.hold
        is_gone = bool(record.written) and all(isinstance(state, Missing) for state in observed.values())
        if hold is None or not is_gone:
            self.is_back(target.name)
            return record
        if Wake.START in occasion.wakes and (hold.is_reached or is_return(hold)):
            self._gone.add(target.name)
        if not hold.is_reached or target.name not in self._gone or self._cache is None:
            return record
        to = {ref.label: revision for ref, revision in on_disk(target, record).items()}
        moved = brought_back(record, to)
        self._made(target, moved, to, stop)
        self._records.save(target.name, moved)
        return moved

    def is_back(self, name: str) -> None:
        """Files of it are there: from here on one that goes was taken away by somebody, and that stays."""
        self._gone.discard(name)

    def unless_over(self, name: str, record: Record) -> Record:
        """The record without a hold whose time has passed. Raises FileError."""
        if record.hold is None or not record.hold.is_over(self._clock.now()):
            return record
        moved = resumed(record)
        self._records.save(name, moved)
        logger().info(TARGET_RESUMED, target=name, version=record.version, trigger="time")
        return moved

    def stand_still(
        self, target: Target, record: Record, observed: Observed, occasion: Occasion, stop: Stop, done: Done
    ) -> None:
        """A pass over what is held: nothing is fetched, written, repaired or removed.

        The consumer is told where an operator asks for it, and of a rollback until it knows. What else is owed stays
        owed: who holds a target may be at work on its consumer. Raises ReloadFailed, Stopped.
        """
        done.is_compared = False
        done.is_present = not any(isinstance(state, Missing) for state in observed.values())
        assert record.hold is not None
        wanted = [wanted_of(spec, record.written.get(spec.path, Digest(""))) for spec in target.files]
        plan = make_plan(wanted, {}, record=record, has_reload=target.is_told)
        if occasion.may_reload and (occasion.is_forced_reload or (plan.reload_owed and record.hold.to)):
            done.has_told = True
            done.told = self._teller.tell(target, plan, record, occasion, stop)
