"""What this process knows about every target: outcomes and stream states in, statuses out. No I/O; one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from config_sync.clock import Clock
from config_sync.errors import ReloadFailed, ServiceError, SyncError
from config_sync.model import (
    ChangeEvent,
    Condition,
    ConditionType,
    OnDrift,
    Outcome,
    Record,
    ReloadResult,
    Result,
    Target,
    Truth,
)
from config_sync.plan import Reason
from config_sync.status.holding import said_of
from config_sync.status.keys import key_in_use
from config_sync.status.linking import Linked as Linked
from config_sync.status.linking import connected, is_absent
from config_sync.status.state import Facts, State, is_local, state_of
from config_sync.status.users import Users
from config_sync.ways_back import refusal


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Everything an operator asks about one target, with no value of a document in it. Times are Unix seconds."""

    target: Target
    record: Record
    state: State
    conditions: tuple[Condition, ...]
    current_as_of: float | None
    reload_pending: bool
    error: SyncError | None
    error_since: float | None
    is_there: bool = True
    """Whether all of its files are there, and no edit of them waits to be put right, by the last pass."""
    is_up: bool = True
    """Whether all of its files were written once, and seen on disk by this process.

    What a record says of the time before the last boot does not do: a memory file system is empty after it.
    """


@dataclass(slots=True)
class _Entry:
    target: Target
    record: Record
    conditions: dict[ConditionType, Condition] = field(default_factory=dict)
    current_as_of: float | None = None
    error: SyncError | None = None
    error_since: float | None = None
    reload: ReloadResult | None = None
    is_edited: bool = False
    """Somebody's edit is on disk, and `on_drift` leaves it there."""
    is_to_restore: bool = False
    """Somebody's edit is on disk, and cannot be put right for now."""
    newest_known: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    """What keeps a change that an event told of from coming."""
    not_cached: str | None = None
    """Why the newest is not in the cache."""
    is_present: bool = True
    """Whether all files were there when the last pass ended; before the first one it is not known."""
    is_up: bool = False
    """Whether they were, at the end of any pass."""


class Board:
    """Thread-safe; every method is short."""

    def __init__(self, clock: Clock, *, stale_after_s: float) -> None:
        self._clock = clock
        self.stale_after_s = stale_after_s
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._links: dict[str, Linked] = {}
        self._users = Users()
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change, in the thread that made it."""

    def expect(self, target: Target, record: Record) -> None:
        """Know a target (again, with new settings); what was known of it stays."""
        with self._lock:
            entry = self._entries.setdefault(target.name, _Entry(target, record))
            entry.target, entry.record = target, record
            self._users.put(target)
            self.on_change()

    def arrange(self, names: Iterable[str]) -> None:
        """Tell of the targets in this order from now on; names that are not known are passed over."""
        with self._lock:
            known = {name: self._entries[name] for name in names if name in self._entries}
            self._entries = {**known, **self._entries}

    def forget(self, name: str) -> None:
        """The settings no longer name the target."""
        with self._lock:
            self._entries.pop(name, None)
            self._users.drop(name)
            self.on_change()

    def heard(self, event: ChangeEvent) -> None:
        """An event named a version: until it is on disk, something newer is known."""
        if event.version is None:
            return
        with self._lock:
            for name in self._users.of(event.config):
                self._entries[name].newest_known[event.config] = event.version
                self.on_change()

    def note(self, name: str, clause: str) -> None:
        """Say beside "the files are right" why a change that was told of has not come; the next change ends it."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is not None and entry.note != clause:
                entry.note = clause
                self._judge(entry, entry.error, self._clock.now())
                self.on_change()

    def link(self, config: str, linked: Linked) -> None:
        """A config's stream went up or down, or is down for another reason (`since` stays then)."""
        with self._lock:
            before = self._links.get(config)
            if before is not None and before.is_connected == linked.is_connected:
                linked = replace(linked, since=before.since)
            if before != linked:
                self._links[config] = linked
                self.on_change()

    def links(self) -> dict[str, Linked]:
        """The stream of every config that a target watches."""
        with self._lock:
            return {
                name: linked
                for name, linked in self._links.items()
                if name in self._users
                and not is_absent(name, linked, [self._entries[one].target for one in self._users.of(name)])
            }

    def linked(self, config: str) -> Linked | None:
        """How that one's stream is; None where no target watches it, or nothing is known yet."""
        with self._lock:
            return self._links.get(config) if config in self._users else None

    def published(self, name: str, record: Record) -> None:
        """A pass has its files in place, and goes on with telling the consumer: readiness does not wait for that."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is not None:
                entry.record, entry.is_up = record, True
                self.on_change()

    def settled(self, outcome: Outcome, record: Record) -> SyncError | None:
        """Take in a pass; returns the error that it ended, if the one before had failed and this one did not.

        Not `is_compared`: the pass was about an owed reload only, and did not ask the service. It says nothing of
        how current the files are, and ends no error but that of a reload.
        """
        now = self._clock.now()
        with self._lock:
            entry = self._entries.get(outcome.target)
            if entry is None:
                return None
            before, error = entry.error, outcome.error
            if not outcome.is_compared and not isinstance(before, ReloadFailed):
                error = error or before
            is_same = before is not None and error is not None and before.message == error.message
            entry.error = error
            if not is_same:
                entry.error_since = now if error is not None else None
            entry.record = record
            entry.is_present = outcome.is_present
            entry.is_up = entry.is_up or outcome.is_present
            if outcome.result is Result.CHANGED:
                entry.note = None
            if outcome.is_compared and outcome.error is None:
                entry.not_cached = outcome.not_cached
            if outcome.error is None:
                entry.is_edited = outcome.reason == Reason.DRIFT_TOLERATED.value
            # Where the consumer alone could not be told, the files were put right before.
            entry.is_to_restore = outcome.is_edited and not isinstance(outcome.error, ReloadFailed)
            is_reload_known = outcome.reload is not None or outcome.error is None
            if is_reload_known or isinstance(outcome.error, ReloadFailed) or not record.reload_owed:
                entry.reload = outcome.reload  # else a consumer that was not running is not running still
            if outcome.is_compared and (error is None or isinstance(error, ReloadFailed)):
                entry.current_as_of = now
                entry.newest_known.clear()
            elif outcome.cached_as_of is not None:
                entry.current_as_of = max(outcome.cached_as_of, entry.current_as_of or 0.0)
            self._judge(entry, error, now)
            if (said := key_in_use(outcome)) is not None:
                self._set(entry, ConditionType.DECRYPTED, *said, now)
            self.on_change()
            return before if error is None else None

    def statuses(self) -> tuple[TargetStatus, ...]:
        """All targets, in settings order."""
        with self._lock:
            return tuple(self._status(entry) for entry in self._entries.values())

    def _status(self, entry: _Entry) -> TargetStatus:
        pending, refused, pin = _is_pending(entry), refusal(entry.record), entry.record.skipping
        facts = Facts(
            error=entry.error,
            is_written=_is_written(entry),
            is_reload_pending=pending,
            is_newer_known=bool(entry.newest_known),
            current_as_of=entry.current_as_of,
            stale_after_s=self.stale_after_s,
            now=self._clock.now(),
            is_edited=entry.is_to_restore,
            is_refused=refused is not None,
            is_held=entry.record.hold is not None,
        )
        conditions = [entry.conditions[kind] for kind in ConditionType if kind in entry.conditions]
        return TargetStatus(
            target=entry.target,
            record=entry.record,
            state=state_of(facts),
            conditions=(*conditions, connected(entry.target, self._links)),
            current_as_of=entry.current_as_of,
            reload_pending=pending,
            error=entry.error or refused,
            error_since=entry.error_since if entry.error is not None or pin is None else pin.since,
            is_there=entry.is_present and not entry.is_to_restore,
            is_up=entry.is_up and entry.record.has_written(entry.target),
        )

    def _judge(self, entry: _Entry, error: SyncError | None, now: float) -> None:
        refused = refusal(entry.record)
        if entry.record.hold is not None:
            self._set(entry, ConditionType.SYNCED, Truth.UNKNOWN, Reason.HELD.value, said_of(entry.record.hold), now)
        elif refused is not None and (error is None or isinstance(error, ReloadFailed | ServiceError)):
            self._set(entry, ConditionType.SYNCED, Truth.FALSE, Reason.ROLLED_BACK.value, refused.message, now)
        elif error is None or isinstance(error, ReloadFailed):
            if entry.is_edited:
                status = Truth.FALSE if entry.target.on_drift is OnDrift.REPORT else Truth.TRUE
                reason = Reason.DRIFT_TOLERATED.value
                self._set(entry, ConditionType.SYNCED, status, reason, "somebody's edit was left alone", now)
            else:
                notes = [entry.note, f"not in the cache: {entry.not_cached}" if entry.not_cached else None]
                said = "; ".join(["the files are right", *(note for note in notes if note is not None)])
                self._set(entry, ConditionType.SYNCED, Truth.TRUE, "InSync", said, now)
        elif entry.is_to_restore:
            said = f"what is on disk is not as it should be, and cannot be put right yet: {error.message}"
            self._set(entry, ConditionType.SYNCED, Truth.FALSE, Reason.DRIFTED.value, said, now)
        elif is_local(error) or _is_written(entry):
            is_from_cache = entry.record.from_cache_since is not None
            said = f"{'the files come from the cache; ' if is_from_cache else ''}{error.message}"
            self._set(entry, ConditionType.SYNCED, Truth.FALSE, error.reason, said, now)
        else:
            self._set(entry, ConditionType.SYNCED, Truth.UNKNOWN, error.reason, error.message, now)
        kind = ConditionType.RELOADED
        if isinstance(error, ReloadFailed):
            self._set(entry, kind, Truth.FALSE, error.reason, error.message, now)
        elif not entry.target.is_told:
            self._set(entry, kind, Truth.TRUE, "NoReload", "the target has no reload", now)
        elif entry.reload is ReloadResult.WAITING_FOR_CONSUMER:
            message = "the consumer is not running; it reads the file when it starts"
            self._set(entry, kind, Truth.UNKNOWN, entry.reload.value, message, now)
        elif entry.record.reload_owed:
            self._set(entry, kind, Truth.FALSE, "ReloadOwed", "the consumer has not been told yet", now)
        elif entry.reload is not None:
            self._set(entry, kind, Truth.TRUE, entry.reload.value, "the consumer was told", now)
        elif kind not in entry.conditions or entry.conditions[kind].status is not Truth.TRUE:
            self._set(entry, kind, Truth.TRUE, "NothingOwed", "the consumer has what is on disk", now)

    @staticmethod
    def _set(entry: _Entry, kind: ConditionType, status: Truth, reason: str, message: str, now: float) -> None:
        before = entry.conditions.get(kind)
        since = before.since if before is not None and before.status is status else now
        entry.conditions[kind] = Condition(kind, status, reason, message, since)


def _is_written(entry: _Entry) -> bool:
    return entry.is_present and entry.record.has_written(entry.target)


def _is_pending(entry: _Entry) -> bool:
    if entry.reload is ReloadResult.WAITING_FOR_CONSUMER:
        return False
    return entry.target.is_told and bool(entry.record.written) and entry.record.reload_owed
