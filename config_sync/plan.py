"""What to do about one target: a pure function of what should be, what is, and what was done before.

Rules, in the order `make_plan` applies them to each file:

1. Nothing at the path: write (``Missing``).
2. Other bytes than wanted: write. ``Drifted`` where we had already written what is wanted now and somebody changed it,
   else ``Outdated``. Tolerated drift (``on_drift: report | ignore``) is left alone.
3. The right bytes with another mode, owner, group or an ACL: repair the attributes (``ModeDiffers``); no reload.
4. Else nothing (``InSync``).

Before all of them: what an operator holds stays as it is, whatever is wanted or there (``Held``). While his rollback is
on its way `wanted` is what it goes back to, also where an edit would be tolerated.

Where the newest is what a pin by failure skips, no content changes: every file stays as the rollback left it
(``RolledBack``), and only its attributes are repaired. Anything else that the service has ends the pin, and so does a
file that went missing: without it nothing would be left to stand on. What comes from the cache, while the service
cannot be asked, ends no pin: it makes one, or joins the one there is.

A reload is owed after a write, and as long as the record says so. Not owed: a first sync that found every file right
(adoption), and a repair of attributes. The functions below the plan say how a `Record` moves; every save is one. Those
of a rollback stand in `config_sync.ways_back`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    FileState,
    Missing,
    OnDrift,
    OnFirstSync,
    Pin,
    PinnedBy,
    PinnedUntil,
    Present,
    Record,
)


class Action(enum.Enum):
    """What happens to one file."""

    NOTHING = "nothing"
    FIX_METADATA = "fix metadata"
    WRITE = "write"


class Reason(enum.Enum):
    """Why; the value goes into logs, conditions and hooks."""

    IN_SYNC = "InSync"
    MODE_DIFFERS = "ModeDiffers"
    MISSING = "Missing"
    OUTDATED = "Outdated"
    DRIFTED = "Drifted"
    DRIFT_TOLERATED = "DriftTolerated"
    ROLLED_BACK = "RolledBack"
    HELD = "Held"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How one file should be. `uid`/`gid` None: whatever is there is right."""

    path: AbsolutePath
    digest: Digest
    mode: int
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What happens to one file, and why."""

    path: AbsolutePath
    action: Action
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a target.

    `is_first_sync`: nothing of ours is recorded. `reload_owed`: once the files are done, the consumer must be told.
    `pin`: the record's, as long as it holds. `is_refused`: the newest is what that pin skips. `is_rollback`: an
    operator's, which has arrived once this is carried out.
    """

    files: tuple[FilePlan, ...]
    is_first_sync: bool
    reload_owed: bool
    pin: Pin | None = None
    is_refused: bool = False
    is_rollback: bool = False

    @property
    def writes(self) -> tuple[AbsolutePath, ...]:
        """The paths whose content changes."""
        return tuple(one.path for one in self.files if one.action is Action.WRITE)

    @property
    def repairs(self) -> tuple[AbsolutePath, ...]:
        """The paths whose attributes alone change."""
        return tuple(one.path for one in self.files if one.action is Action.FIX_METADATA)

    @property
    def finds_nothing(self) -> bool:
        """Whether no file is there: whoever runs now has read none of what is being written."""
        return all(one.reason is Reason.MISSING for one in self.files)

    @property
    def reason(self) -> Reason:
        """The weightiest reason of all files: it names the pass."""
        order = tuple(Reason)
        return max((one.reason for one in self.files), key=order.index, default=Reason.IN_SYNC)


def make_plan(
    wanted: Sequence[Wanted],
    observed: Mapping[AbsolutePath, FileState],
    *,
    record: Record,
    has_reload: bool,
    on_drift: OnDrift = OnDrift.RESTORE,
    on_first_sync: OnFirstSync = OnFirstSync.AUTO,
    is_compared: bool = True,
    is_shrunk: bool = False,
    from_cache_at: float | None = None,
    standing: Sequence[Wanted] = (),
) -> Plan:
    """What makes `observed` into `wanted`; run again right after it was carried out, it says nothing is to be done.

    `is_compared`: `wanted` is what the service has, and not what the record says was written: only that ends a pin.
    `from_cache_at`: it is what the cache has, at this time (Unix seconds): a pin that stands is joined by that.
    `standing`: the files that are there instead of `wanted`, should that be refused; none: the same ones.
    `is_shrunk`: of a set that is switched at once a file has vanished: what is in sync is written anew with the rest.
    """
    pin = record.pin if from_cache_at is None else _offline(record.pin, wanted, from_cache_at)
    if record.is_frozen:
        frozen = tuple(FilePlan(one.path, Action.NOTHING, Reason.HELD) for one in wanted)
        return Plan(files=frozen, is_first_sync=False, reload_owed=has_reload and record.reload_owed, pin=pin)
    is_rollback = record.hold is not None and is_compared
    if is_rollback:
        on_drift = OnDrift.RESTORE
    elif pin is not None and is_compared and from_cache_at is None:
        stands = standing or wanted
        is_gone = any(isinstance(observed[one.path], Missing) for one in stands if one.path in pin.digests)
        is_same = pin.by is PinnedBy.FAILURE and {str(one.path): one.digest for one in wanted} == dict(pin.refused)
        if is_same and not is_gone:
            held = tuple(_plan_held(one, observed[one.path], pin) for one in stands)
            owed = has_reload and record.reload_owed
            told = replace(pin, from_cache_since=None)  # the service was asked
            return Plan(files=held, is_first_sync=False, reload_owed=owed, pin=told, is_refused=True)
        pin = None
    is_first_sync = not record.written and record.attempting is None
    files = tuple(_plan_file(one, observed[one.path], record, on_drift) for one in wanted)
    if is_shrunk:
        files = tuple(
            replace(one, action=Action.WRITE, reason=Reason.OUTDATED) if _is_kept(one) else one for one in files
        )
    if is_rollback:
        ordinary = (Reason.OUTDATED, Reason.DRIFTED)
        files = tuple(replace(one, reason=Reason.ROLLED_BACK) if one.reason in ordinary else one for one in files)
    writes = any(one.action is Action.WRITE for one in files)
    skips = is_first_sync and on_first_sync is OnFirstSync.SKIP
    # The right bytes where we last wrote others: a predecessor died between the publish and the record, or somebody
    # put them there. The consumer may not know: one reload too many is allowed, one too few is not.
    surprises = any(
        record.written.get(one.path, one.digest) != one.digest
        for one, planned in zip(wanted, files, strict=True)
        if planned.action is not Action.WRITE and planned.reason is not Reason.DRIFT_TOLERATED
    )
    owed = has_reload and not skips and (writes or surprises or record.reload_owed)
    return Plan(files=files, is_first_sync=is_first_sync, reload_owed=owed, pin=pin, is_rollback=is_rollback)


def _offline(pin: Pin | None, wanted: Sequence[Wanted], at: float) -> Pin:
    """The pin of files that come from the cache, until the service is heard again."""
    if pin is None:
        stands: dict[str, Digest] = {one.path: one.digest for one in wanted}
        pin = Pin(stands, by=PinnedBy.OFFLINE, until=PinnedUntil.NEWER, since=at)
    return replace(pin, from_cache_since=pin.from_cache_since if pin.from_cache_since is not None else at)


def _is_kept(planned: FilePlan) -> bool:
    return planned.action is not Action.WRITE and planned.reason is not Reason.DRIFT_TOLERATED


def _plan_held(wanted: Wanted, state: FileState, pin: Pin) -> FilePlan:
    """An edit by somebody stays too: the bytes that it replaced are gone."""
    is_ours = isinstance(state, Present) and state.digest == pin.digests.get(wanted.path)
    if isinstance(state, Present) and is_ours and not attributes_match(wanted, state):
        return FilePlan(wanted.path, Action.FIX_METADATA, Reason.MODE_DIFFERS)
    return FilePlan(wanted.path, Action.NOTHING, Reason.ROLLED_BACK)


def _plan_file(wanted: Wanted, state: FileState, record: Record, on_drift: OnDrift) -> FilePlan:
    if isinstance(state, Missing):
        return FilePlan(wanted.path, Action.WRITE, Reason.MISSING)
    if state.digest == wanted.digest:
        if attributes_match(wanted, state):
            return FilePlan(wanted.path, Action.NOTHING, Reason.IN_SYNC)
        return FilePlan(wanted.path, Action.FIX_METADATA, Reason.MODE_DIFFERS)
    # After an unfinished publish the other bytes may be our own; once it is recorded they are somebody else's.
    is_recorded = record.attempting is None or record.attempting.is_published
    if is_recorded and record.written.get(wanted.path) == wanted.digest:
        if on_drift is OnDrift.RESTORE:
            return FilePlan(wanted.path, Action.WRITE, Reason.DRIFTED)
        return FilePlan(wanted.path, Action.NOTHING, Reason.DRIFT_TOLERATED)
    return FilePlan(wanted.path, Action.WRITE, Reason.OUTDATED)


def attributes_match(wanted: Wanted, state: Present) -> bool:
    """Whether mode, owner and group are right, and no ACL says more."""
    return (
        state.mode == wanted.mode
        and wanted.uid in (None, state.uid)
        and wanted.gid in (None, state.gid)
        and not state.has_acl
    )


@dataclass(frozen=True, slots=True)
class Story:
    """Where the wanted content comes from: version, revision, who changed it and when it was saved (Unix seconds)."""

    version: int | None = None
    revision: str | None = None
    changed_by: int | None = None
    saved_at: float | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    """Of each config, where there are several (see `Record`)."""


def attempting(record: Record, attempt: Attempt) -> Record:
    """Before the first file changes: a reload is owed from here on. Of all pins an operator's alone outlives it."""
    return replace(record, attempting=attempt, pin=record.hold)


def published(
    record: Record,
    wanted: Sequence[Wanted],
    plan: Plan,
    *,
    story: Story,
    at: float,
    dropped: Mapping[str, Digest] | None = None,
) -> Record:
    """Every file is in place. Where no reload is owed the consumer counts as told.

    `dropped`: files of ours that the settings no longer name and that still stand there.

    `written_at` moves whenever this process cannot know that an earlier one recorded the publish: too late is safe (a
    consumer that started in between is told once more), too early would lose a reload.
    """
    attempt = record.attempting
    if plan.is_refused:
        # Also the keys of a set that the refused revision has not.
        held = replace(record, dropped=dict(dropped or {}), pin=plan.pin)
        return held if plan.reload_owed else replace(held, reloaded=record.written, attempting=None)
    tolerated = {one.path for one in plan.files if one.reason is Reason.DRIFT_TOLERATED}
    written: dict[str, Digest] = {
        one.path: record.written.get(one.path, one.digest) if one.path in tolerated else one.digest for one in wanted
    }
    is_news = bool(plan.writes) or (attempt is not None and not attempt.is_published)
    is_news = is_news or any(record.written.get(path, digest) != digest for path, digest in written.items())
    moved = replace(
        record,
        written=written,
        dropped=dict(dropped or {}),
        written_at=at if is_news else record.written_at,
        version=story.version,
        previous_version=record.version if story.version != record.version else record.previous_version,
        revision=story.revision,
        changed_by=story.changed_by,
        saved_at=story.saved_at,
        pin=plan.pin.arrived(written) if plan.pin is not None and plan.is_rollback else plan.pin,
        versions=dict(story.versions),
        revisions=dict(story.revisions),
    )
    if not plan.reload_owed:
        return replace(moved, reloaded=written, attempting=None)
    return moved if attempt is None else replace(moved, attempting=replace(attempt, is_published=True))


def told(record: Record, *, at: float) -> Record:
    """The consumer was reloaded, or needs no reload: nothing is owed."""
    return replace(record, reloaded=dict(record.written), attempting=None, reloaded_at=at)
