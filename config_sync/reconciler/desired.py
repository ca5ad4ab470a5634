"""What should be: the documents, fetched and rendered, with the story of where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.cache import Seen
from config_sync.errors import EmptyRefused
from config_sync.model import (
    AbsolutePath,
    ChangeEvent,
    ConfigRef,
    Digest,
    FileSpec,
    FileState,
    OnDrift,
    OpenedBy,
    Present,
    Record,
    Rendered,
    Target,
    digest_of,
)
from config_sync.plan import Story, Wanted, attributes_match
from config_sync.reconciler.gathering import gather
from config_sync.reconciler.guarding import Schemas
from config_sync.reconciler.refusing import refusing
from config_sync.reconciler.rendering import render_files
from config_sync.reconciler.sources import Keys as Keys
from config_sync.reconciler.sources import PinnedOnce as PinnedOnce
from config_sync.reconciler.sources import Service as Service
from config_sync.reconciler.sources import SharedService as SharedService
from config_sync.reconciler.versions import seen_of, story_of
from config_sync.status.meters import METERS
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class Desired:
    """How every file of a target should be. `rendered` is empty where the record alone says it (a reload retry)."""

    wanted: tuple[Wanted, ...]
    rendered: Mapping[AbsolutePath, Rendered]
    story: Story
    warnings: tuple[tuple[AbsolutePath, str], ...] = ()
    """What works but may surprise a reader of the file; pointers and names, never values."""
    empty: frozenset[AbsolutePath] = frozenset()
    """Files whose whole document is ``{}`` or ``[]``."""
    target: Target | None = None
    """The target with the files that the keys of its set make; None where the record alone says what should be."""
    opened: Mapping[ConfigRef, OpenedBy] = field(default_factory=dict)
    """Which key opened each config."""
    seen: tuple[Seen, ...] = ()
    """Every config as the service has it, for the cache."""
    cached_as_of: float | None = None
    """It comes from the cache: when the service was last known to have all of it (Unix seconds)."""

    def is_short_of(self, record: Record) -> bool:
        """Whether a file of the target's set has vanished since it was written."""
        if self.target is None or self.target.key_set is None:
            return False
        wanted = {str(one.path) for one in self.wanted}
        gone = [AbsolutePath(path) for path in record.written if path not in wanted]
        return any(path.parent == self.target.key_set.path for path in gone)


def as_recorded(
    target: Target, observed: Mapping[AbsolutePath, FileState], record: Record, *, with_attributes: bool = False
) -> Desired | None:
    """What is on disk, if it is what we last wrote (or a tolerated edit): then nothing need be fetched. Else None.

    `with_attributes`: mode and owner must be right too; for an owed reload they do not matter.
    """
    is_complete = record.attempting is None or record.attempting.is_published
    is_edit_tolerated = is_complete and target.on_drift is not OnDrift.RESTORE
    wanted: list[Wanted] = []
    for spec in target.files:
        state, digest = observed[spec.path], record.written.get(spec.path)
        if not isinstance(state, Present) or digest is None:
            return None
        if state.digest != digest and not is_edit_tolerated:
            return None
        if with_attributes and not attributes_match(wanted_of(spec, digest), state):
            return None
        wanted.append(Wanted(spec.path, digest, state.mode, state.uid, state.gid))
    story = Story(
        record.version, record.revision, record.changed_by, record.saved_at, record.versions, record.revisions
    )
    return Desired(tuple(wanted), {}, story)


def is_as_recorded(target: Target, observed: Mapping[AbsolutePath, FileState], record: Record) -> bool:
    """Whether what is on disk is what we last wrote, as we wrote it, or a tolerated edit."""
    return as_recorded(target, observed, record, with_attributes=True) is not None


def wanted_of(spec: FileSpec, digest: Digest) -> Wanted:
    """The file as the settings want it, with this content."""
    return Wanted(spec.path, digest, spec.mode, spec.uid, spec.gid)


def is_as_left(target: Target, observed: Mapping[AbsolutePath, FileState], record: Record) -> bool:
    """Whether every file is as it was recorded (or tolerably edited since), or as a publish under way wanted it.

    The second: whoever published it died before the record said so. Newer than what is recorded, and whole.
    """
    if not record.has_written(target):
        return False
    if as_recorded(target, observed, record) is not None:
        return True
    wanted = {**record.written, **(record.attempting.digests if record.attempting is not None else {})}
    found = {spec.path: observed[spec.path] for spec in target.files}
    return all(isinstance(state, Present) and state.digest == wanted.get(path) for path, state in found.items())


def from_service(
    target: Target,
    service: Service,
    keys: Keys,
    schemas: Schemas,
    *,
    digest_key: bytes,
    record: Record,
    hints: Mapping[str, ChangeEvent],
    stop: Stop,
) -> Desired:
    """Fetch, decrypt, parse, check and render everything the target is made of.

    Raises:
        ServiceError, CredentialError, DecryptFailed, DocumentRefused, SchemaUnusable, RenderRefused, Stopped.
    """
    with METERS.timing("fetch"):
        gathered = gather(target, service, keys=keys, record=record, stop=stop, hints=hints)
    story = story_of(target, gathered, digest_key=digest_key, record=record, hints=hints)
    with refusing(story):
        schemas.guard(target, gathered.documents)
        with METERS.timing("render"):
            made = render_files(target, gathered.documents)
    rendered = {path: Rendered(content, digest_of(content, key=digest_key)) for path, content in made.contents.items()}
    wanted = tuple(wanted_of(spec, rendered[spec.path].digest) for spec in made.target.files)
    seen = seen_of(target, gathered, story=story, hints=hints)
    return Desired(wanted, rendered, story, made.warnings, made.empty, made.target, gathered.opened, seen)


def guard_against_empty(target: Target, desired: Desired, observed: Mapping[AbsolutePath, FileState]) -> None:
    """No empty document replaces content, unless the file allows it. Raises EmptyRefused.

    `observed` holds what stands there of a set too, whatever of it is wanted now.
    """
    for spec in target.files:
        if spec.is_set:
            there = [path for path, state in observed.items() if isinstance(state, Present)]
            if spec.path in desired.empty and not spec.allow_empty and spec.path in [path.parent for path in there]:
                raise EmptyRefused(
                    f"{spec.origin} has no keys and would empty {spec.path}",
                    hint="if that is meant, set 'allow_empty: true' on the file",
                )
            continue
        state = observed[spec.path]
        if spec.path not in desired.empty or spec.allow_empty or not isinstance(state, Present):
            continue
        if state.size > 0 and state.digest != desired.rendered[spec.path].digest:
            raise EmptyRefused(
                f"{spec.origin} is empty and would replace the content of {spec.path}",
                hint="if that is meant, set 'allow_empty: true' on the file",
            )
