"""The documents that a target is made of: fetched, decrypted, parsed.

Whatever goes wrong with a config names it. One that is `optional` and that the service does not have (404) counts as
absent, with one exception: a 404 takes nothing away by itself. Where the config is part of what is on disk, it counts
as absent only once the list of configs, asked for after it was last there, does not have it either. Until then the
files stay as they are, since a service that is half restored or a token that lost a right answers with 404 too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config_sync.client import Fetched
from config_sync.crypto import Decrypted, decrypt
from config_sync.document import parse_document
from config_sync.errors import DecryptFailed, DocumentRefused, NotFound, OptionalGone, Refused
from config_sync.model import ChangeEvent, ConfigRef, Document, EncryptionKey, OpenedBy, Record, Target
from config_sync.reconciler.sources import Keys, Service
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that the service has of a target; what is optional and absent is in none of the mappings."""

    fetched: Mapping[ConfigRef, Fetched]
    documents: Mapping[ConfigRef, Document]
    opened: Mapping[ConfigRef, OpenedBy]
    """Which key opened each config."""


def gather(
    target: Target,
    service: Service,
    *,
    keys: Keys,
    record: Record,
    stop: Stop,
    hints: Mapping[str, ChangeEvent] | None = None,
) -> Gathered:
    """Fetch, decrypt and parse every config of the target.

    `hints`, the events by config, name the version of what is refused where the service itself did not.

    Raises:
        ServiceError, CredentialError, DecryptFailed, DocumentRefused, Stopped.
    """
    fetched: dict[ConfigRef, Fetched] = {}
    for ref in target.configs:
        try:
            fetched[ref] = service.fetch(ref, stop)
        except NotFound as error:
            if ref not in target.optional:
                raise
            if ref.label in record.revisions and error.is_listed is not False:
                raise _not_believed(error) from error
    ring = keys.read()
    plain: dict[ConfigRef, Decrypted] = {}
    documents: dict[ConfigRef, Document] = {}
    try:
        for ref, answer in fetched.items():
            plain[ref] = _decrypted(answer, ring, service)
        for ref, one in plain.items():
            documents[ref] = parsed(ref, one.plaintext)
    except (DecryptFailed, DocumentRefused) as error:
        error.refused = Refused(_version_of(fetched[ref], hints or {}))
        raise
    opened = {ref: OpenedBy(one.fingerprint, one.number, len(ring), ring[0].fingerprint) for ref, one in plain.items()}
    return Gathered(fetched, documents, opened)


def _version_of(answer: Fetched, hints: Mapping[str, ChangeEvent]) -> int | None:
    if answer.version is not None or answer.ref.version is not None:
        return answer.version or answer.ref.version
    hint = hints.get(answer.ref.name)
    return hint.version if hint is not None else None


def parsed(ref: ConfigRef, plaintext: bytes) -> Document:
    """The document of one config. Raises DocumentRefused, which names it."""
    with _naming(ref):
        return parse_document(plaintext)


def _decrypted(fetched: Fetched, ring: Sequence[EncryptionKey], service: Service) -> Decrypted:
    try:
        with _naming(fetched.ref):
            return decrypt(fetched.ciphertext, ring)
    except DecryptFailed:
        # Damage on the way must not be confirmed for ever by "304 not modified".
        service.forget(fetched.ref)
        raise


@contextlib.contextmanager
def _naming(ref: ConfigRef) -> Iterator[None]:
    """A refusal of one config's content begins with its name."""
    try:
        yield
    except (DecryptFailed, DocumentRefused) as error:
        error.message = f"config {ref.label}: {error.message}"
        error.args = (error.message,)
        raise


def _not_believed(error: NotFound) -> OptionalGone:
    said = "has it" if error.is_listed else "was not to be had"
    return OptionalGone(
        f"{error.message}; it is optional, but what is on disk has it in it, and the list of configs {said}",
        hint="if it is meant to go, save {} in it, or take it out of `merge`",
    )
