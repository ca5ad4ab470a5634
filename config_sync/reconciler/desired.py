"""What should be: the documents, fetched and rendered, with the story of where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from config_sync.client import Fetched
from config_sync.crypto import decrypt
from config_sync.document import parse_document
from config_sync.errors import DecryptFailed, EmptyRefused
from config_sync.formats import warnings_of
from config_sync.model import (
    AbsolutePath,
    ChangeEvent,
    ConfigRef,
    Digest,
    Document,
    EncryptionKey,
    FileSpec,
    FileState,
    OnDrift,
    Present,
    Record,
    Rendered,
    Target,
    digest_of,
)
from config_sync.plan import Story, Wanted, attributes_match
from config_sync.stop import Stop


class Service(Protocol):
    """The part of the client that a pass needs."""

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """The ciphertext of one config. Raises ServiceError, CredentialError, Stopped."""
        ...

    def forget(self, ref: ConfigRef) -> None:
        """What was fetched last is damaged: ask for all of it next time."""
        ...


class Keys(Protocol):
    """Where the encryption keys come from; read anew for every pass, so that a rotation needs no restart."""

    def read(self) -> tuple[EncryptionKey, ...]:
        """Newest first. Raises CredentialError."""
        ...


class PinnedOnce:
    """A service that is asked once for each pinned version: a version never changes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pinned: dict[ConfigRef, Fetched] = {}

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        known = self._pinned.get(ref)
        if known is None:
            known = self._service.fetch(ref, stop)
            if ref.version is not None:
                self._pinned[ref] = known
        return known

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self._pinned.pop(ref, None)
        self._service.forget(ref)


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
    story = Story(record.version, record.revision, record.changed_by, record.saved_at)
    return Desired(tuple(wanted), {}, story)


def wanted_of(spec: FileSpec, digest: Digest) -> Wanted:
    """The file as the settings want it, with this content."""
    return Wanted(spec.path, digest, spec.mode, spec.uid, spec.gid)


def from_service(
    target: Target,
    service: Service,
    *,
    keys: Keys,
    digest_key: bytes,
    record: Record,
    hints: Mapping[str, ChangeEvent],
    stop: Stop,
) -> Desired:
    """Fetch, decrypt, parse and render everything the target is made of.

    Raises:
        ServiceError, CredentialError, DecryptFailed, DocumentRefused, RenderRefused, Stopped.
    """
    fetched = {ref: service.fetch(ref, stop) for ref in target.configs}
    ring = keys.read()
    documents = {ref: _opened(one, ring, service) for ref, one in fetched.items()}
    rendered: dict[AbsolutePath, Rendered] = {}
    warnings: list[tuple[AbsolutePath, str]] = []
    for spec in target.files:
        document = documents[spec.source]
        content = spec.format.render(document)
        rendered[spec.path] = Rendered(content, digest_of(content, key=digest_key))
        warnings += [(spec.path, warning) for warning in warnings_of(spec.format, document)]
    wanted = tuple(wanted_of(spec, rendered[spec.path].digest) for spec in target.files)
    revision = _revision([documents[ref] for ref in target.configs], digest_key)
    story = _story(target.configs[0], fetched[target.configs[0]], revision, record=record, hints=hints)
    empty = frozenset(spec.path for spec in target.files if documents[spec.source].is_empty)
    return Desired(wanted, rendered, story, tuple(warnings), empty)


def _opened(fetched: Fetched, ring: Sequence[EncryptionKey], service: Service) -> Document:
    try:
        return parse_document(decrypt(fetched.ciphertext, ring).plaintext)
    except DecryptFailed:
        # Damage on the way must not be confirmed for ever by "304 not modified".
        service.forget(fetched.ref)
        raise


def guard_against_empty(target: Target, desired: Desired, observed: Mapping[AbsolutePath, FileState]) -> None:
    """No empty document replaces content, unless the file allows it. Raises EmptyRefused."""
    for spec in target.files:
        state = observed[spec.path]
        if spec.path not in desired.empty or spec.allow_empty or not isinstance(state, Present):
            continue
        if state.size > 0 and state.digest != desired.rendered[spec.path].digest:
            raise EmptyRefused(
                f"config {spec.source.name!r} is empty and would replace the content of {spec.path}",
                hint="if that is meant, set 'allow_empty: true' on the file",
            )


def _revision(documents: Sequence[Document], digest_key: bytes) -> str:
    digests = [digest_of(document.raw, key=digest_key) for document in documents]
    whole = digests[0] if len(digests) == 1 else digest_of("\n".join(digests).encode(), key=digest_key)
    return whole[:12]


def _story(
    ref: ConfigRef, fetched: Fetched, revision: str, *, record: Record, hints: Mapping[str, ChangeEvent]
) -> Story:
    """Who changed it and when, as far as an event told; a story already recorded for this revision stays."""
    is_known = record.revision == revision
    hint = hints.get(ref.name)
    if hint is not None and fetched.version is not None and hint.version not in (None, fetched.version):
        hint = None
    version = fetched.version
    if version is None and hint is not None and not is_known:
        version = hint.version
    if version is None and is_known:
        version = record.version
    if is_known and version == record.version:
        return Story(version, revision, record.changed_by, record.saved_at)
    if hint is None:
        return Story(version, revision)
    return Story(version, revision, hint.changed_by, hint.timestamp)
