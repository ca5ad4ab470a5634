"""AES-256-GCM as the Config Service uses it: nonce 12 bytes, ciphertext, tag 16 bytes; no additional data.

GCM vouches that a holder of the key made the bytes. It does not bind *which* config or version they are: only TLS does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config_sync.errors import DecryptFailed
from config_sync.model import EncryptionKey

NONCE_BYTES = 12
TAG_BYTES = 16
MIN_BYTES = NONCE_BYTES + TAG_BYTES
"""The encryption of an empty plaintext."""


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A plaintext and the key that opened it: its fingerprint, and its place among those given, from 1."""

    plaintext: bytes = field(repr=False)
    fingerprint: str
    number: int = 1


def decrypt(ciphertext: bytes, keys: Sequence[EncryptionKey]) -> Decrypted:
    """The plaintext, by the first of `keys` (newest first, at least one) that fits.

    Raises:
        DecryptFailed: too short to be a ciphertext, or no key opens it.
    """
    if len(ciphertext) < MIN_BYTES:
        raise DecryptFailed(
            f"the answer is no ciphertext: {_count(len(ciphertext), 'byte')}, and the shortest has {MIN_BYTES}",
            hint="the service, or something between, sent an empty or cut body; see its logs",
            reason="NotACiphertext" if ciphertext else "EmptyAnswer",
        )
    nonce, sealed = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
    for number, key in enumerate(keys, 1):
        try:
            plaintext = AESGCM(key.raw).decrypt(nonce, sealed, None)
        except InvalidTag:
            continue
        return Decrypted(plaintext, key.fingerprint, number)
    tried = ", ".join(key.fingerprint for key in keys)
    raise DecryptFailed(
        f"wrong key or damaged data, {_count(len(ciphertext), 'byte')}",
        hint=f"tried {_count(len(keys), 'key')} ({tried}): compare service.key with the service's; during a rotation "
        "a key file may hold both, newest first",
    )


def encrypt(plaintext: bytes, key: EncryptionKey, nonce: bytes) -> bytes:
    """What the service would send: `nonce` (12 bytes, never used twice with one key), ciphertext, tag.

    Raises:
        ValueError: the nonce is not 12 bytes.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + AESGCM(key.raw).encrypt(nonce, plaintext, None)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
