"""What a sync would change now: what should be beside what is on disk, file by file. Changes nothing.

The wanted files come from the same functions as those of a pass (`desired`); here they are only looked at.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from config_sync.errors import FileError
from config_sync.files import Disk, Seen
from config_sync.model import (
    AbsolutePath,
    Digest,
    FileSpec,
    FileState,
    Format,
    Layout,
    Missing,
    PinnedBy,
    Record,
    Target,
)
from config_sync.plan import Reason, make_plan
from config_sync.reconciler.desired import Desired
from config_sync.reconciler.hunks import HunkLine, hunks
from config_sync.reconciler.outlines import NoOutline, Outline, as_it_is, line_by_line, outline


class Change(enum.Enum):
    """What becomes of one file."""

    NOTHING = "unchanged"
    CREATED = "created"
    CHANGED = "changed"
    ATTRIBUTES = "attributes"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One that is not as wanted; ids are numbers."""

    name: str
    before: int | str
    after: int | str


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file. `note` says in a clause what the lines do not."""

    path: AbsolutePath
    change: Change
    attributes: tuple[Attribute, ...] = ()
    lines: tuple[HunkLine, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A target's files that are not as the service has them. `is_held`: a pin keeps a sync from changing that.

    `is_told`: a sync would tell the consumer.
    """

    target: Target
    files: tuple[FileDifference, ...]
    is_told: bool
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A target's files on the disk: what is at each path."""

    by_path: Mapping[AbsolutePath, Seen | None]

    @property
    def states(self) -> dict[AbsolutePath, FileState]:
        """As the plan takes them."""
        return {path: Missing() if seen is None else seen.state for path, seen in self.by_path.items()}


def sight(target: Target, disk: Disk) -> Sight:
    """Look at every file. Raises FileError, also where one may not be read."""
    return Sight({spec.path: disk.see(spec) for spec in target.files})


def difference(
    target: Target, desired: Desired, seen: Sight, *, record: Record | None, disk: Disk, shows_values: bool
) -> Difference:
    """What is not as it should be. `target` has the files of its set; `record` None: it is not known."""
    known = record or Record()
    plan = make_plan(
        desired.wanted,
        seen.states,
        record=known,
        has_reload=target.is_told,
        on_drift=target.on_drift,
        on_first_sync=target.on_first_sync,
    )
    reasons = {one.path: one.reason for one in plan.files}
    files: list[FileDifference] = []
    for spec in target.files:
        there, content = seen.by_path[spec.path], desired.rendered[spec.path].content
        shown = _Shown(spec, content, ours=known.written.get(spec.path), shows_values=shows_values)
        found = shown.beside(there, is_in_set=target.layout is Layout.DIRECTORY)
        if found.change is not Change.NOTHING:
            files.append(_with_reason(found, reasons[spec.path], is_known=record is not None))
    gone = [FileDifference(path, Change.REMOVED) for path in _removed(target, known, disk)]
    is_held = plan.is_refused or (known.pin is not None and known.pin.by is PinnedBy.OPERATOR)
    is_told = record is not None and target.is_told and not is_held and (plan.reload_owed or bool(gone))
    return Difference(target, (*files, *gone), is_told, is_held)


_NOTES = {
    Reason.DRIFTED: "somebody edited it",
    Reason.DRIFT_TOLERATED: "somebody edited it, and `on_drift` leaves it so",
}


def _with_reason(found: FileDifference, reason: Reason, *, is_known: bool) -> FileDifference:
    said = _NOTES.get(reason) if is_known else None
    if said is None:
        return found
    return replace(found, note=said if found.note is None else f"{said}; {found.note}")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One wanted file, to be shown beside what is there. `ours`: the digest of what we last wrote there."""

    spec: FileSpec
    content: bytes
    ours: Digest | None
    shows_values: bool

    def beside(self, there: Seen | None, *, is_in_set: bool) -> FileDifference:
        if there is None:
            lines, note = self._lines(None)
            return FileDifference(self.spec.path, Change.CREATED, _made(self.spec), lines, note)
        attributes = tuple(_differing(self.spec, there, is_in_set=is_in_set))
        if there.content == self.content:
            change = Change.ATTRIBUTES if attributes else Change.NOTHING
            return FileDifference(self.spec.path, change, attributes)
        lines, note = self._lines(there.content, is_ours=there.state.digest == self.ours)
        return FileDifference(self.spec.path, Change.CHANGED, attributes, lines, note)

    def _lines(self, old: bytes | None, *, is_ours: bool = False) -> tuple[tuple[HunkLine, ...], str | None]:
        if self.shows_values:
            return hunks(as_it_is(old or b""), as_it_is(self.content)), None
        return masked(self.spec.format, old, self.content, is_ours=is_ours)


def masked(form: Format, old: bytes | None, new: bytes, *, is_ours: bool) -> tuple[tuple[HunkLine, ...], str | None]:
    """How two contents of a file differ, without a value, and a clause that says what the lines do not.

    `old` None: there is no file. `is_ours`: it has the very bytes that we wrote there, in whatever format that was.
    """
    try:
        wanted = outline(form, new)
        there = None if old is None else outline(form, old)
        if old is not None and there is not None and not (is_ours and _has_names(there, wanted)):
            there = outline(form, old, known=wanted.names)
    except NoOutline as why:
        lines = hunks(line_by_line(old) if old is not None else (), line_by_line(new))
        return lines, f"only line numbers can be shown: {why}"
    lines = hunks(there.lines if there is not None else (), wanted.lines)
    is_same = not lines and old is not None
    return lines, "its values are the same: only layout or comments differ" if is_same else None


def _has_names(there: Outline, wanted: Outline) -> bool:
    """Whether the names in a file that we wrote are names: else a value may stand where one belongs.

    It may have been written in another format, before the settings changed: then its bytes are not how this one writes
    what it understands of them, or most of its names are unknown.
    """
    return there.is_canonical and 2 * len(there.names & wanted.names) >= len(there.names)


def _made(spec: FileSpec) -> tuple[Attribute, ...]:
    ids = (("owner", spec.uid), ("group", spec.gid))
    return (Attribute("mode", "", spec.mode), *(Attribute(name, "", one) for name, one in ids if one is not None))


def _differing(spec: FileSpec, there: Seen, *, is_in_set: bool) -> list[Attribute]:
    state = there.state
    found = [Attribute("mode", state.mode, spec.mode)] if state.mode != spec.mode else []
    if spec.uid not in (None, state.uid) and spec.uid is not None:
        found.append(Attribute("owner", state.uid, spec.uid))
    if spec.gid not in (None, state.gid) and spec.gid is not None:
        found.append(Attribute("group", state.gid, spec.gid))
    if state.has_acl:
        found.append(Attribute("acl", "extended", "none"))
    if there.is_in_set != is_in_set:
        words = ("a link into a set", "a file of its own")
        found.append(Attribute("layout", words[not there.is_in_set], words[not is_in_set]))
    return found


def _removed(target: Target, record: Record, disk: Disk) -> list[AbsolutePath]:
    """Files of ours that the settings or the keys no longer name, as far as a sync takes them away."""
    named = {spec.path for spec in target.files}
    ours = {**record.dropped, **record.written}
    found: list[AbsolutePath] = []
    for path, digest in sorted(ours.items()):
        place = AbsolutePath(path)
        if place in named or (not target.files and target.key_set is None):
            continue
        like = target.key_set or target.files[0]
        try:
            there = disk.see(replace(like, path=place))
        except FileError:
            continue  # no file of ours stands there any more, or none that a sync would touch
        if there is None:
            continue
        leaves_set = target.layout is Layout.DIRECTORY and place.parent == target.directory and there.is_in_set
        if leaves_set or (target.prune and there.state.digest == digest):
            found.append(place)
    return found
