"""What this process knows about every target: outcomes and stream states in, statuses out. No I/O; one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from config_sync.clock import Clock
from config_sync.errors import ReloadFailed, SyncError
from config_sync.model import (
    ChangeEvent,
    Condition,
    ConditionType,
    OnDrift,
    Outcome,
    Record,
    ReloadResult,
    Target,
    Truth,
)
from config_sync.plan import Reason
from config_sync.status.state import Facts, State, is_local, state_of


@dataclass(frozen=True, slots=True)
class Linked:
    """How one config's stream is. `since`: Unix seconds of the last change."""

    is_connected: bool
    reason: str
    message: str
    since: float


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
    newest_known: dict[str, int] = field(default_factory=dict)


class Board:
    """Thread-safe; every method is short."""

    def __init__(self, clock: Clock, *, stale_after_s: float) -> None:
        self._clock = clock
        self.stale_after_s = stale_after_s
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._links: dict[str, Linked] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change, in the thread that made it."""

    def expect(self, target: Target, record: Record) -> None:
        """Know a target (again, with new settings); what was known of it stays."""
        with self._lock:
            entry = self._entries.setdefault(target.name, _Entry(target, record))
            entry.target, entry.record = target, record
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
            self.on_change()

    def heard(self, event: ChangeEvent) -> None:
        """An event named a version: until it is on disk, something newer is known."""
        if event.version is None:
            return
        with self._lock:
            for entry in self._entries.values():
                if any(ref.name == event.config and ref.version is None for ref in entry.target.configs):
                    entry.newest_known[event.config] = event.version
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
            watched = {ref.name for entry in self._entries.values() for ref in entry.target.configs if not ref.version}
            return {name: linked for name, linked in self._links.items() if name in watched}

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
            if outcome.error is None:
                entry.is_edited = outcome.reason == Reason.DRIFT_TOLERATED.value
            is_reload_known = outcome.reload is not None or outcome.error is None
            if is_reload_known or isinstance(outcome.error, ReloadFailed) or not record.reload_owed:
                entry.reload = outcome.reload  # else a consumer that was not running is not running still
            if outcome.is_compared and (error is None or isinstance(error, ReloadFailed)):
                entry.current_as_of = now
                entry.newest_known.clear()
            self._judge(entry, error, now)
            self.on_change()
            return before if error is None else None

    def statuses(self) -> tuple[TargetStatus, ...]:
        """All targets, in settings order."""
        with self._lock:
            return tuple(self._status(entry) for entry in self._entries.values())

    def _status(self, entry: _Entry) -> TargetStatus:
        pending = _is_pending(entry)
        facts = Facts(
            error=entry.error,
            is_written=_is_written(entry),
            is_reload_pending=pending,
            is_newer_known=bool(entry.newest_known),
            current_as_of=entry.current_as_of,
            stale_after_s=self.stale_after_s,
            now=self._clock.now(),
        )
        conditions = [entry.conditions[kind] for kind in ConditionType if kind in entry.conditions]
        return TargetStatus(
            target=entry.target,
            record=entry.record,
            state=state_of(facts),
            conditions=(*conditions, self._connected(entry.target)),
            current_as_of=entry.current_as_of,
            reload_pending=pending,
            error=entry.error,
            error_since=entry.error_since,
        )

    def _connected(self, target: Target) -> Condition:
        """True only if every stream the target depends on is live; the message names the first that is not."""
        watched = [ref.name for ref in target.configs if ref.version is None]
        links = [(name, self._links[name]) for name in watched if name in self._links]
        kind = ConditionType.CONNECTED
        if not watched:
            return Condition(kind, Truth.UNKNOWN, "Pinned", "pinned versions are not watched", 0.0)
        if len(links) < len(watched):
            return Condition(kind, Truth.UNKNOWN, "NotWatching", "no stream has been opened", 0.0)
        for name, link in links:
            if not link.is_connected:
                return Condition(kind, Truth.FALSE, link.reason, f"{name}: {link.message}", link.since)
        since = max(link.since for _, link in links)
        return Condition(kind, Truth.TRUE, "StreamLive", "told of changes as they happen", since)

    def _judge(self, entry: _Entry, error: SyncError | None, now: float) -> None:
        if error is None or isinstance(error, ReloadFailed):
            if entry.is_edited:
                status = Truth.FALSE if entry.target.on_drift is OnDrift.REPORT else Truth.TRUE
                reason = Reason.DRIFT_TOLERATED.value
                self._set(entry, ConditionType.SYNCED, status, reason, "somebody's edit was left alone", now)
            else:
                self._set(entry, ConditionType.SYNCED, Truth.TRUE, "InSync", "the files are right", now)
        elif is_local(error) or _is_written(entry):
            self._set(entry, ConditionType.SYNCED, Truth.FALSE, error.reason, error.message, now)
        else:
            self._set(entry, ConditionType.SYNCED, Truth.UNKNOWN, error.reason, error.message, now)
        kind = ConditionType.RELOADED
        if isinstance(error, ReloadFailed):
            self._set(entry, kind, Truth.FALSE, error.reason, error.message, now)
        elif not entry.target.reload:
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
    return all(spec.path in entry.record.written for spec in entry.target.files)


def _is_pending(entry: _Entry) -> bool:
    if entry.reload is ReloadResult.WAITING_FOR_CONSUMER:
        return False
    return bool(entry.target.reload) and bool(entry.record.written) and entry.record.reload_owed


def startup_done(statuses: Iterable[TargetStatus]) -> bool:
    """Whether every required target was written once."""
    return all(
        all(spec.path in one.record.written for spec in one.target.files) for one in statuses if one.target.required
    )


def is_ready(statuses: Iterable[TargetStatus]) -> bool:
    """Startup, and no required target failed; a rejected document or an outage of the service keeps it."""
    known = tuple(statuses)
    return startup_done(known) and not any(one.state is State.FAILED for one in known if one.target.required)
