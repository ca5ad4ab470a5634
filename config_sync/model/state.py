"""What is on disk, what is remembered of it, and how a pass ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from config_sync.errors import Retry, SyncError
from config_sync.model.documents import ConfigRef
from config_sync.model.names import AbsolutePath, Digest
from config_sync.model.reloading import ReloadResult
from config_sync.model.targets import Target


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
class WayBack:
    """What was there before a publish, while the consumer was known to be well: what a rollback goes back to.

    `digests` maps each path that held a file to what it held, `kept` to the name of what keeps it (see `Attempt.kept`),
    if it was replaced or removed since. A path of the target that is not in `digests` was free. `tolerated` maps those
    that somebody had edited, and that were left so, to what we had written there; `dropped` those that the settings no
    longer named then or when it was published. The rest is the record's of then.
    """

    digests: Mapping[str, Digest]
    kept: Mapping[str, str]
    version: int | None = None
    revision: str | None = None
    changed_by: int | None = None
    saved_at: float | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    tolerated: Mapping[str, Digest] = field(default_factory=dict)
    dropped: Mapping[str, Digest] = field(default_factory=dict)

    @property
    def written(self) -> Mapping[str, Digest]:
        """What the record says of it: of an edit that was left alone what *we* had written."""
        return {**self.digests, **self.tolerated}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A publish under way or a reload still owed, saved before the first file changes.

    `digests` maps a path to what is being published there; `kept` maps it to the hidden hard link that holds the
    replaced file (absent where nothing was replaced), or, where the files are switched together, their directory to
    the generation that was replaced; `is_published`: every file is in place and only the reload is owed; `is_checked`:
    an ``in_place`` validation, if any, has passed; `back`: where to go if the consumer cannot live with it (None:
    nowhere, it is kept); `is_going_back`: a rollback was begun and must be ended; `follows`: None where no reload was
    owed before it, else whether what was owed had been published to its end.
    """

    digests: Mapping[str, Digest]
    kept: Mapping[str, str]
    is_published: bool = False
    is_checked: bool = True
    back: WayBack | None = None
    is_going_back: bool = False
    follows: bool | None = None

    @property
    def all_kept(self) -> frozenset[str]:
        """The name of everything that is held for a way back."""
        return frozenset((*self.kept.values(), *(self.back.kept.values() if self.back is not None else ())))


class PinnedBy(enum.Enum):
    """Who says that what is on disk is not simply the newest."""

    OPERATOR = "operator"
    FAILURE = "failure"
    OFFLINE = "offline"


class PinnedUntil(enum.Enum):
    """What ends a pin."""

    RESUME = "resume"
    NEWER = "newer"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Pin:
    """Why the newest is not on disk; `plan` reads it, once.

    `digests` is what stands (path to digest). A pin by `FAILURE` also says what is skipped: `refused` (path to digest),
    with the version and revision of it; it is over when anything else is wanted. One by `OPERATOR` freezes what is on
    disk, of whatever content; where it came with a rollback, `to` says of which revision each config (by its label) is
    published first, and `is_reached` that this was done. `under` is what holds again when it ends. `reason` is one
    sentence, `who` the user that asked. Times are Unix seconds; `until_at` only with `PinnedUntil.TIME`.
    `from_cache_since`: what stands was written from the cache, for want of the service; a pin by `OFFLINE` says nothing
    else, and any other can be joined by it.
    """

    digests: Mapping[str, Digest]
    by: PinnedBy
    until: PinnedUntil
    refused: Mapping[str, Digest] = field(default_factory=dict)
    refused_version: int | None = None
    refused_revision: str | None = None
    reason: str | None = None
    since: float | None = None
    until_at: float | None = None
    from_cache_since: float | None = None
    who: str | None = None
    to: Mapping[str, str] = field(default_factory=dict)
    is_reached: bool = True
    under: Pin | None = None

    @property
    def beneath(self) -> Pin | None:
        """Itself, or what an operator's pin lies on."""
        pin: Pin | None = self
        while pin is not None and pin.by is PinnedBy.OPERATOR:
            pin = pin.under
        return pin

    def arrived(self, written: Mapping[str, Digest]) -> Pin:
        """Of a rollback whose files are in place; a hold that it began under has become this one."""
        return replace(self, digests=dict(written), is_reached=True, under=self.beneath)

    def is_over(self, now: float) -> bool:
        """Whether its time has passed; `now` in Unix seconds."""
        return self.until_at is not None and now >= self.until_at


@dataclass(frozen=True, slots=True)
class Record:
    """The durable memory of one target; times are Unix seconds.

    `dropped`: files that we wrote, that the settings no longer name, and that still stand there.
    `written`: path to digest, what *we* put there or adopted. `reloaded`: the same, as the consumer was last told.
    `pin`: why the newest is not on disk, if it is not. `versions` and `revisions`: of each config by its label, where
    the target has several; `version` is that of the first which is not optional, `changed_by` and `saved_at` tell of
    the change that came last.
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
    pin: Pin | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)

    def version_of(self, ref: ConfigRef, target: Target) -> int | None:
        """The version of one of the target's configs that is on disk; None: not known, or there is none."""
        return self.versions.get(ref.label) if len(target.configs) > 1 else self.version

    def known(self, target: Target) -> Target:
        """The target with the files that its set has, as far as we wrote or began to write them."""
        if target.key_set is None:
            return target
        ours = {*self.written, *(self.attempting.digests if self.attempting is not None else ())}
        plain = {spec.path for spec in target.files}
        there = [AbsolutePath(path) for path in sorted(ours - plain)]
        return target.with_keys(path.name for path in there if path.parent == target.key_set.path)

    def has_written(self, target: Target) -> bool:
        """Whether every file of the target was written once; of a set, whatever it held."""
        is_whole = all(spec.path in self.written for spec in target.files if not spec.is_set)
        return is_whole and (target.key_set is None or self.revision is not None)

    @property
    def from_cache_since(self) -> float | None:
        """Since when the files come from the cache, without a word of the service; None: they do not."""
        return self.pin.from_cache_since if self.pin is not None else None

    @property
    def hold(self) -> Pin | None:
        """The operator's pin, if there is one: nothing of the service goes to disk, and no edit is undone."""
        return self.pin if self.pin is not None and self.pin.by is PinnedBy.OPERATOR else None

    @property
    def is_frozen(self) -> bool:
        """Whether what is on disk stays as it is: held, and no rollback is on its way there."""
        return self.hold is not None and self.hold.is_reached

    @property
    def skipping(self) -> Pin | None:
        """The pin that skips a revision, also where an operator's lies on it."""
        pin = self.pin.beneath if self.pin is not None else None
        return pin if pin is not None and pin.by is PinnedBy.FAILURE else None

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
class OpenedBy:
    """The key that opened a config: its fingerprint, its place among `of` keys (1: the newest), the newest one's."""

    fingerprint: str
    number: int
    of: int
    newest: str


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
    opened_by: OpenedBy | None = None
    """The oldest key that its configs needed; None where nothing was decrypted."""
    is_edited: bool = False
    """Whether a pass that failed found other files than were last written, or not as they were: they are to be put
    right."""
    is_present: bool = True
    """Whether every file of the target was there at the end."""
    cached_as_of: float | None = None
    """Its files come from the cache: when the service was last known to have them (Unix seconds)."""
    not_cached: str | None = None
    """Why what was published could not be kept in the cache; one sentence."""
    is_given_up: bool = False
    """A rollback that was asked for changed nothing: the error is of that, and says nothing of what is on disk."""

    @property
    def retry(self) -> Retry | None:
        """How to try again, if it failed."""
        return self.error.retry if self.error is not None else None


class ConditionType(enum.Enum):
    """The standing statements about a target."""

    SYNCED = "Synced"
    RELOADED = "Reloaded"
    CONNECTED = "Connected"
    DECRYPTED = "Decrypted"


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
