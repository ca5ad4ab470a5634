"""The wire format by other implementations: what Node's crypto and OpenSSL's libcrypto seal, this package opens.

They are run here, on fresh input, beside one vector that is written down. Our own cipher comes with the `cryptography`
wheel, which brings an OpenSSL of its own; Node has a third.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable

import pytest

from config_sync.crypto import decrypt, encrypt
from config_sync.errors import DecryptFailed
from config_sync.model import EncryptionKey

KEY = "0123456789abcdef" * 4
NONCE = bytes(range(12))
PLAINTEXT = b'{"env":"production"}'

VECTOR = "000102030405060708090a0bfa26ff7370c5182aeab9a67702dcd6a927a236c34738aa3d521cc0b4e6d35bc129f02628"
"""Nonce, ciphertext, tag: made by Node 20 (OpenSSL 3.0)."""

NODE = """
const crypto = require('node:crypto');
let text = '';
process.stdin.on('data', (chunk) => text += chunk).on('end', () => {
  const { key, nonce, input, open } = JSON.parse(text);
  const bytes = (hex) => Buffer.from(hex, 'hex');
  if (open) {
    const sealed = bytes(input);
    const one = crypto.createDecipheriv('aes-256-gcm', bytes(key), sealed.subarray(0, 12));
    one.setAuthTag(sealed.subarray(-16));
    process.stdout.write(Buffer.concat([one.update(sealed.subarray(12, -16)), one.final()]).toString('hex'));
  } else {
    const one = crypto.createCipheriv('aes-256-gcm', bytes(key), bytes(nonce));
    const body = Buffer.concat([one.update(bytes(input)), one.final()]);
    process.stdout.write(Buffer.concat([bytes(nonce), body, one.getAuthTag()]).toString('hex'));
  }
});
"""

_EVP_CTRL_AEAD_GET_TAG = 0x10  # openssl/evp.h


def node(request: dict[str, object]) -> bytes:
    """What the program prints, from hex."""
    done = subprocess.run(["node", "-e", NODE], input=json.dumps(request), capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stdout)


def seal_by_node(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """Node: createCipheriv."""
    return node({"key": key.hex(), "nonce": nonce.hex(), "input": plaintext.hex(), "open": False})


def seal_by_openssl(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """The system's libcrypto, by its EVP interface (EVP_EncryptInit(3)); `openssl enc` does no GCM."""
    crypto = ctypes.CDLL("libcrypto.so.3")
    crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
    crypto.EVP_aes_256_gcm.restype = ctypes.c_void_p
    context, cipher = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new()), ctypes.c_void_p(crypto.EVP_aes_256_gcm())
    try:
        assert crypto.EVP_EncryptInit_ex(context, cipher, None, key, nonce) == 1
        out, written = ctypes.create_string_buffer(len(plaintext) + 16), ctypes.c_int()
        assert crypto.EVP_EncryptUpdate(context, out, ctypes.byref(written), plaintext, len(plaintext)) == 1
        body = out.raw[: written.value]
        assert crypto.EVP_EncryptFinal_ex(context, out, ctypes.byref(written)) == 1
        tag = ctypes.create_string_buffer(16)
        assert crypto.EVP_CIPHER_CTX_ctrl(context, _EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1
        return nonce + body + tag.raw
    finally:
        crypto.EVP_CIPHER_CTX_free(context)


SEALERS = [
    pytest.param(seal_by_node, id="node", marks=pytest.mark.node),
    pytest.param(seal_by_openssl, id="openssl"),
]

INPUTS = [b"", b"{}", PLAINTEXT, b"\x00" * 4096, "\u00fcnic\u00f6de \U0001f512".encode(), os.urandom(100_001)]


@pytest.mark.parametrize("seal", SEALERS)
@pytest.mark.parametrize("plaintext", INPUTS, ids=["empty", "braces", "vector", "zeros", "text", "random"])
def test_what_another_implementation_seals_is_opened(
    seal: Callable[[bytes, bytes, bytes], bytes], plaintext: bytes
) -> None:
    key, nonce = EncryptionKey(os.urandom(32).hex()), os.urandom(12)
    sealed = seal(key.raw, nonce, plaintext)
    assert len(sealed) == 12 + len(plaintext) + 16
    assert decrypt(sealed, [key]).plaintext == plaintext
    assert encrypt(plaintext, key, nonce) == sealed
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(DecryptFailed):
        decrypt(damaged, [key])


@pytest.mark.parametrize("seal", SEALERS)
def test_the_vector_of_the_protocol(seal: Callable[[bytes, bytes, bytes], bytes]) -> None:
    key = EncryptionKey(KEY)
    sealed = seal(key.raw, NONCE, PLAINTEXT)
    assert sealed.hex() == VECTOR
    assert encrypt(PLAINTEXT, key, NONCE).hex() == VECTOR


@pytest.mark.node
def test_another_implementation_opens_what_the_embedded_service_seals() -> None:
    key = EncryptionKey(KEY)
    sealed = encrypt(PLAINTEXT, key, os.urandom(12))
    assert node({"key": KEY, "input": sealed.hex(), "open": True}) == PLAINTEXT
