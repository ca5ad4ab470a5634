"""Which versions are wanted, and who made them and when, as far as events told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config_sync.cache import Seen
from config_sync.model import ChangeEvent, ConfigRef, Digest, Record, Target, digest_of
from config_sync.plan import Story
from config_sync.reconciler.gathering import Gathered

_SHOWN = 12
"""Characters of a digest that name a revision: enough to tell the revisions of one config apart."""


@dataclass(frozen=True, slots=True)
class _One:
    """One config: what the service has, and the event that told of it, if one did."""

    version: int | None
    revision: str
    hint: ChangeEvent | None
    is_recorded: bool


def story_of(
    target: Target, gathered: Gathered, *, digest_key: bytes, record: Record, hints: Mapping[str, ChangeEvent]
) -> Story:
    """A story already recorded for this revision stays. With several configs, see `Record`."""
    digests = {
        ref: digest_of(document.raw, key=digest_key)
        for ref, document in ((ref, gathered.documents[ref]) for ref in target.configs if ref in gathered.documents)
    }
    revision = _whole(target, digests, digest_key)[:_SHOWN]
    is_several = len(target.configs) > 1
    ones: dict[ConfigRef, _One] = {}
    for ref, digest in digests.items():
        known = record.revisions.get(ref.label) if is_several else record.revision
        ones[ref] = _one(
            digest[:_SHOWN],
            gathered.fetched[ref].version,
            known_revision=known,
            known_version=record.version_of(ref, target),
            hint=hints.get(ref.name) if ref.version is None else None,
        )
    main = next((one.version for ref, one in ones.items() if ref not in target.optional), None)
    versions = {ref.label: one.version for ref, one in ones.items() if one.version is not None} if is_several else {}
    revisions = {ref.label: one.revision for ref, one in ones.items()} if is_several else {}
    is_known = record.revision == revision and main == record.version
    if is_several:
        is_known = record.revision == revision and dict(record.versions) == versions
    if is_known:
        return Story(main, revision, record.changed_by, record.saved_at, versions, revisions)
    told = [one.hint for one in ones.values() if one.hint is not None and not (is_several and one.is_recorded)]
    last = max(told, key=lambda hint: hint.timestamp or 0.0, default=None)
    if last is None:
        return Story(main, revision, versions=versions, revisions=revisions)
    return Story(main, revision, last.changed_by, last.timestamp, versions, revisions)


def seen_of(target: Target, gathered: Gathered, *, story: Story, hints: Mapping[str, ChangeEvent]) -> tuple[Seen, ...]:
    """Every config as the cache is to keep it, with what is known of it from `story` and the events."""
    is_several = len(target.configs) > 1
    seen: list[Seen] = []
    for ref in gathered.documents:
        revision = story.revisions[ref.label] if is_several else story.revision
        version = story.versions.get(ref.label) if is_several else story.version
        assert revision is not None
        changed_by, saved_at = story.changed_by, story.saved_at
        if is_several:  # the story's are of the last change of any of them
            hint = hints.get(ref.name) if ref.version is None else None
            is_its_own = hint is not None and hint.version in (None, version)
            changed_by, saved_at = (hint.changed_by, hint.timestamp) if hint and is_its_own else (None, None)
        key, ciphertext = gathered.opened[ref].fingerprint, gathered.fetched[ref].ciphertext
        seen.append(Seen(ref, ciphertext, revision, key, version, changed_by, saved_at))
    return tuple(seen)


def _whole(target: Target, digests: Mapping[ConfigRef, Digest], digest_key: bytes) -> Digest:
    """Of one config its own; of several one of all of them, in which it counts which of them are there."""
    if len(target.configs) == 1:
        return digests[target.configs[0]]
    parts = [digests.get(ref, Digest("")) for ref in target.configs]
    return digest_of("\n".join(parts).encode(), key=digest_key)


def _one(
    revision: str,
    version: int | None,
    *,
    known_revision: str | None,
    known_version: int | None,
    hint: ChangeEvent | None,
) -> _One:
    """The service's own word on the version goes before an event's; without both, the recorded one of the revision."""
    is_known = known_revision == revision
    if hint is not None and version is not None and hint.version not in (None, version):
        hint = None
    if version is None and hint is not None and not is_known:
        version = hint.version
    if version is None and is_known:
        version = known_version
    return _One(version, revision, hint, is_known and version == known_version)
