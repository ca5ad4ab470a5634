"""The one word for a target: a pure function of what is known about it (interface.md, "States")."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from config_sync.errors import (
    BugFound,
    CheckNotRunnable,
    CheckRejected,
    DecryptFailed,
    DocumentRefused,
    EmptyRefused,
    FileError,
    ReloadFailed,
    RenderRefused,
    RolledBack,
    SchemaUnusable,
    SyncError,
)

REFUSALS = (DecryptFailed, DocumentRefused, EmptyRefused, RenderRefused, CheckRejected, RolledBack)
"""The newest content was refused; the last good file stays."""


class State(enum.Enum):
    """The first that applies, in this order."""

    HELD = "held"
    FAILED = "failed"
    REJECTED = "rejected"
    RELOAD_PENDING = "reload_pending"
    PENDING = "pending"
    STALE = "stale"
    SYNCED = "synced"

    @property
    def meaning(self) -> str:
        """For the README and `status`."""
        return _MEANINGS[self]


_MEANINGS: dict[State, str] = {
    State.HELD: "frozen by an operator (`hold`, `rollback`) until `resume`",
    State.FAILED: "could not stage, write or run a check, or a bug: a local reason",
    State.REJECTED: "the newest was refused (decrypt, document, schema, empty, render, validate) or rolled back; the "
    "last good is on disk",
    State.RELOAD_PENDING: "the right file is on disk, the consumer has not been told yet",
    State.PENDING: "nothing written yet, something newer is known, or somebody's edit is on disk and cannot be put "
    "right yet",
    State.STALE: "not confirmed current for longer than `stale_after`",
    State.SYNCED: "what the service has is on disk, and the consumer knows",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state is derived from; times are Unix seconds."""

    error: SyncError | None
    is_written: bool
    is_reload_pending: bool
    is_newer_known: bool
    current_as_of: float | None
    stale_after_s: float
    now: float
    is_edited: bool = False
    """Somebody's edit is on disk, which is to be put right."""
    is_refused: bool = False
    """A revision was rolled back, and nothing newer is known to have come."""
    is_held: bool = False


def state_of(facts: Facts) -> State:
    """The first word of the list that applies."""
    if facts.is_held:
        return State.HELD
    if is_local(facts.error):
        return State.FAILED
    # After a rollback the consumer may still have to be told of the files of before: that is more urgent to know.
    is_refused = facts.is_refused and not isinstance(facts.error, ReloadFailed)
    if (is_refused or isinstance(facts.error, REFUSALS)) and facts.is_written:
        return State.REJECTED
    if facts.is_reload_pending:
        return State.RELOAD_PENDING
    if not facts.is_written or facts.is_newer_known or facts.is_edited:
        return State.PENDING
    if facts.current_as_of is None or facts.now - facts.current_as_of > facts.stale_after_s:
        return State.STALE
    return State.SYNCED


def is_local(error: SyncError | None) -> bool:
    """Whether the reason lies on this machine: an unreachable or refusing service never makes a target `failed`."""
    return isinstance(error, FileError | CheckNotRunnable | SchemaUnusable | BugFound)
