"""What can still be done after a pass that could not have the newest: files from the cache, an owed reload."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Protocol

from config_sync.clock import rfc3339
from config_sync.errors import (
    CheckNotRunnable,
    CheckRejected,
    EmptyRefused,
    FileError,
    ReloadFailed,
    ServiceUnavailable,
    SyncError,
)
from config_sync.log import CACHE_SERVED, RELOAD_FAILED, logger
from config_sync.model import AbsolutePath, FileState, Missing, Record, ReloadResult, Target
from config_sync.reconciler.choosing import Choice, Observed, Refused
from config_sync.reconciler.desired import Desired, as_recorded, guard_against_empty
from config_sync.reconciler.done import Done
from config_sync.reconciler.occasion import Occasion
from config_sync.records import Records
from config_sync.stop import Stop


class CarryOut(Protocol):
    """Make a target what is desired and tell its consumer, as in any other pass. Raises SyncError, Stopped."""

    def __call__(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        record: Record,
        occasion: Occasion,
        stop: Stop,
        done: Done,
        /,
    ) -> object:
        """The result does not matter."""
        ...


class Fallback:
    """Shared by all threads, like `Reconciler`."""

    def __init__(
        self,
        records: Records,
        choice: Choice,
        *,
        observe: Callable[[Target], dict[AbsolutePath, FileState]],
        carry_out: CarryOut,
    ) -> None:
        self._records = records
        self._choice = choice
        self._observe = observe
        self._carry_out = carry_out

    def is_present(self, target: Target) -> bool:
        """Whether every file of the target, as it was written last, is there."""
        record = self._records.get(target.name) or Record()
        try:
            states = self._observe(record.known(target)).values()
        except FileError:
            return False
        return record.has_written(target) and not any(isinstance(state, Missing) for state in states)

    def serve(self, named: Target, error: SyncError, occasion: Occasion, stop: Stop, done: Done) -> SyncError:
        """Without the service: what is missing or not as recorded comes from the cache.

        Returns what is to be told of the pass: the service is away all the same, unless something on this machine is
        more urgent.
        """
        if not isinstance(error, ServiceUnavailable) or occasion.offline_start_s <= 0:
            return error
        record = self._records.get(named.name) or Record()
        known = record.known(named)
        refused = Refused()
        try:
            observed = self._observe(known)
            if not self._choice.is_needed(known, observed, record):
                return error
            found = self._choice.candidates(named, observed, record, stop, refused, max_age_s=occasion.offline_start_s)
            for desired in found:
                target = desired.target or known
                observed = self._observe(known) | self._observe(target)
                try:
                    guard_against_empty(named, desired, observed)
                    self._carry_out(target, desired, observed, record, occasion, stop, done)
                except ReloadFailed:
                    # The files are in place, unless the consumer got back what it had.
                    if (self._records.get(named.name) or Record()).from_cache_since is not None:
                        _served(target, desired, done)
                    raise
                except CheckNotRunnable:
                    raise
                except (CheckRejected, EmptyRefused) as why:
                    refused.note(why.message)
                    continue
                _served(target, desired, done)
                return error
        except ReloadFailed as untold:  # the files are in place, and the reload stays owed
            logger().warning(RELOAD_FAILED, target=named.name, error=untold.message, hint=untold.hint)
            return error
        except SyncError as another:
            return another
        return _without_cache(error, refused.reasons)

    def tell_owed(self, target: Target, occasion: Occasion, stop: Stop) -> ReloadResult | None:
        """What is on disk must be told all the same, if that is owed."""
        record = self._records.get(target.name)
        target = record.known(target) if record is not None else target
        if record is None or record.is_frozen or not (record.reload_owed and target.is_told and occasion.may_reload):
            return None
        if record.attempting is not None and (not record.attempting.is_checked or record.attempting.is_going_back):
            return None
        done = Done()
        try:
            observed = self._observe(target)
            desired = as_recorded(target, observed, record)
            if desired is None:
                return None
            self._carry_out(target, desired, observed, record, occasion, stop, done)
        except SyncError as error:  # it stays owed, and the pass has an error of its own to report
            logger().warning(RELOAD_FAILED, target=target.name, error=error.message, hint=error.hint)
        return done.told


def _served(target: Target, desired: Desired, done: Done) -> None:
    done.cached_as_of = desired.cached_as_of
    logger().warning(
        CACHE_SERVED,
        target=target.name,
        version=desired.story.version,
        digest=desired.story.revision,
        path=[str(path) for path in done.wrote] or None,
        as_of=rfc3339(desired.cached_as_of or 0.0),
    )


def _without_cache(error: ServiceUnavailable, reasons: Sequence[str]) -> ServiceUnavailable:
    """The error of the service, with why the cache did not help."""
    if not reasons:
        return error
    told = copy.copy(error)  # of a fetch that others share
    told.message = f"{error.message}; the cache does not help: {'; '.join(reasons)}"
    told.args = (told.message,)
    return told
