"""What is on disk, what is remembered of it, and how a pass ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from config_sync.errors import Retry, SyncError
from config_sync.model.names import AbsolutePath, Digest
from config_sync.model.reloading import ReloadResult


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is at the path."""


@dataclass(frozen=True, slots=True)
class Present:
    """A regular file is at the path. `mode` holds the permission bits only; `has_acl` an extended access ACL."""

    digest: Digest
    mode: int
    uid: int
    gid: int
    size: int
    has_acl: bool = False


FileState: TypeAlias = Missing | Present


@dataclass(frozen=True, slots=True)
class Attempt:
    """A publish under way or a reload still owed, saved before the first file changes.

    `digests` maps a path to what is being published there; `kept` maps it to the hidden hard link that holds the
    replaced file (absent where nothing was replaced); `is_published`: every file is in place and only the reload is
    owed; `is_checked`: an ``in_place`` validation, if any, has passed.
    """

    digests: Mapping[str, Digest]
    kept: Mapping[str, str]
    is_published: bool = False
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """The durable memory of one target; times are Unix seconds.

    `dropped`: files that we wrote, that the settings no longer name, and that still stand there.
    `written`: path to digest, what *we* put there or adopted. `reloaded`: the same, as the consumer was last told.
    """

    written: Mapping[str, Digest] = field(default_factory=dict)
    reloaded: Mapping[str, Digest] = field(default_factory=dict)
    dropped: Mapping[str, Digest] = field(default_factory=dict)
    attempting: Attempt | None = None
    version: int | None = None
    previous_version: int | None = None
    revision: str | None = None
    changed_by: int | None = None
    saved_at: float | None = None
    written_at: float | None = None
    reloaded_at: float | None = None

    @property
    def reload_owed(self) -> bool:
        """Whether the consumer has not been told of what is on disk."""
        return self.attempting is not None or dict(self.written) != dict(self.reloaded)


class Result(enum.Enum):
    """What a pass did to the disk."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one pass over one target ended. Exactly one of a `FAILED` result and ``error is None`` holds."""

    target: str
    result: Result
    reason: str
    took_s: float
    error: SyncError | None = None
    reload: ReloadResult | None = None
    wrote: tuple[AbsolutePath, ...] = ()
    is_compared: bool = True
    """Whether the service was asked; False for a pass about the disk and an owed reload alone."""

    @property
    def retry(self) -> Retry | None:
        """How to try again, if it failed."""
        return self.error.retry if self.error is not None else None


class ConditionType(enum.Enum):
    """The standing statements about a target."""

    SYNCED = "Synced"
    RELOADED = "Reloaded"
    CONNECTED = "Connected"


class Truth(enum.Enum):
    """Kubernetes' three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """A standing statement with its reason; `since` is Unix time in seconds of the last change of `status`."""

    type: ConditionType
    status: Truth
    reason: str
    message: str
    since: float
