"""One revision of one config: as a pass has seen it, as it is kept, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from config_sync.model import ConfigRef


@dataclass(frozen=True, slots=True)
class Seen:
    """A config as a pass got it from the service and published it.

    `revision` names the content (the first characters of a keyed digest of the plaintext), `key` the encryption key
    that opened it (`EncryptionKey.fingerprint`). None: the service did not say.
    """

    ref: ConfigRef
    ciphertext: bytes = field(repr=False)
    revision: str
    key: str
    version: int | None = None
    changed_by: int | None = None
    saved_at: float | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What is known of a kept revision, all of it authentic. Times are Unix seconds.

    `stored_at`: when it was first kept. `confirmed_at`: when the service was last known to have it as the current one;
    it lags (see `RevisionCache`), so that a revision may look older than it is and never younger. `refused_by`: the
    targets that published it and had to roll it back. `number` grows with each revision that becomes the newest.
    """

    ref: ConfigRef
    revision: str
    key: str
    version: int | None
    changed_by: int | None
    saved_at: float | None
    stored_at: float
    confirmed_at: float
    number: int
    refused_by: tuple[str, ...] = ()

    def told_by(self, seen: Seen) -> Revision:
        """The same, with what the service says of it now; what it does not say any more stays as it was."""
        return replace(
            self,
            key=seen.key,
            version=self.version if seen.version is None else seen.version,
            changed_by=self.changed_by if seen.changed_by is None else seen.changed_by,
            saved_at=self.saved_at if seen.saved_at is None else seen.saved_at,
        )


@dataclass(frozen=True, slots=True)
class Cached:
    """A kept revision with the service's own bytes: nonce 12 bytes, ciphertext, tag 16 bytes."""

    revision: Revision
    ciphertext: bytes = field(repr=False)
