"""The cipher against the vector of the protocol, wrong keys, and damage."""

from __future__ import annotations

import pytest

from config_sync.crypto import MIN_BYTES, decrypt, encrypt
from config_sync.errors import DecryptFailed, Exit, Retry
from config_sync.model import EncryptionKey

KEY = EncryptionKey("0123456789abcdef" * 4)
OTHER = EncryptionKey("fe" * 32)
NONCE = bytes(range(12))
PLAINTEXT = b'{"env":"production"}'

# Computed once by hand-written GHASH over AES-ECB (NIST SP 800-38D, 7.1) from the protocol's vector above.
CIPHERTEXT = bytes.fromhex(
    "000102030405060708090a0bfa26ff7370c5182aeab9a67702dcd6a927a236c34738aa3d521cc0b4e6d35bc129f02628"
)


def test_the_protocols_vector_is_decrypted() -> None:
    decrypted = decrypt(CIPHERTEXT, [KEY])
    assert (decrypted.plaintext, decrypted.fingerprint) == (PLAINTEXT, KEY.fingerprint)


def test_the_protocols_vector_is_encrypted() -> None:
    assert encrypt(PLAINTEXT, KEY, NONCE) == CIPHERTEXT


def test_an_empty_plaintext_has_the_shortest_ciphertext() -> None:
    sealed = encrypt(b"", KEY, NONCE)
    assert len(sealed) == MIN_BYTES
    assert decrypt(sealed, [KEY]).plaintext == b""


@pytest.mark.parametrize("position", ["first", "last"])
def test_during_a_rotation_each_key_is_tried(position: str) -> None:
    keys = [KEY, OTHER] if position == "first" else [OTHER, KEY]
    decrypted = decrypt(CIPHERTEXT, keys)
    assert (decrypted.plaintext, decrypted.fingerprint) == (PLAINTEXT, KEY.fingerprint)


@pytest.mark.parametrize("length", [0, 1, 12, 27], ids=str)
def test_what_is_too_short_is_told_by_its_length(length: int) -> None:
    with pytest.raises(DecryptFailed, match=rf"{length} byte") as caught:
        decrypt(CIPHERTEXT[:length], [KEY])
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    "damaged",
    [
        bytes([CIPHERTEXT[0] ^ 1]) + CIPHERTEXT[1:],
        CIPHERTEXT[:15] + bytes([CIPHERTEXT[15] ^ 0x80]) + CIPHERTEXT[16:],
        CIPHERTEXT[:-1] + bytes([CIPHERTEXT[-1] ^ 1]),
        CIPHERTEXT[:-1],
        CIPHERTEXT + b"\0",
        b"<html>" * 20,
    ],
    ids=["nonce", "body", "tag", "cut", "longer", "a-web-page"],
)
def test_damaged_bytes_are_refused_with_their_length(damaged: bytes) -> None:
    with pytest.raises(DecryptFailed, match=rf"wrong key or damaged data, {len(damaged)} bytes"):
        decrypt(damaged, [KEY])


def test_a_wrong_key_is_refused_and_the_hint_tells_the_keys_apart() -> None:
    with pytest.raises(DecryptFailed, match=r"wrong key or damaged data, 48 bytes") as caught:
        decrypt(CIPHERTEXT, [OTHER])
    assert caught.value.hint is not None
    assert OTHER.fingerprint in caught.value.hint
    assert (caught.value.exit_code, caught.value.retry) == (Exit.DECRYPT, Retry.SLOW)


def test_neither_the_error_nor_the_result_shows_a_secret() -> None:
    assert "production" not in repr(decrypt(CIPHERTEXT, [KEY]))
    with pytest.raises(DecryptFailed) as caught:
        decrypt(CIPHERTEXT, [OTHER])
    told = f"{caught.value.message} {caught.value.hint} {caught.value!r}"
    assert OTHER.raw.hex() not in told
    assert CIPHERTEXT.hex() not in told


@pytest.mark.parametrize("length", [0, 11, 13], ids=str)
def test_a_nonce_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        encrypt(PLAINTEXT, KEY, bytes(length))
