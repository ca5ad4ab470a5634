"""The floor of `once`: the same work by the standard library alone. Run as a script: URL PATH [CA_FILE].

Fetch with the token, AES-256-GCM, a look whether it is JSON, a file that is whole and durable. libcrypto does the
decryption through ctypes; where it cannot be loaded, the package ``cryptography`` does (`DECRYPTS_BY` says which).
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import ssl
import sys
from urllib.parse import urlsplit

_SET_TAG = 0x11
"""EVP_CTRL_AEAD_SET_TAG (openssl/evp.h)."""


def _libcrypto() -> ctypes.CDLL | None:
    for name in ("libcrypto.so.3", "libcrypto.so.1.1"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


_CRYPTO = _libcrypto()
DECRYPTS_BY = "libcrypto by ctypes" if _CRYPTO is not None else "cryptography's AESGCM"


def decrypt(key: bytes, sealed: bytes) -> bytes:
    """The plaintext of nonce (12 bytes), ciphertext, tag (16 bytes). Raises ValueError."""
    nonce, body, tag = sealed[:12], sealed[12:-16], sealed[-16:]
    if _CRYPTO is None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where there is nothing lighter

        return AESGCM(key).decrypt(nonce, body + tag, None)
    pointer = ctypes.c_void_p
    _CRYPTO.EVP_CIPHER_CTX_new.restype = pointer
    _CRYPTO.EVP_aes_256_gcm.restype = pointer
    context = pointer(_CRYPTO.EVP_CIPHER_CTX_new())
    try:
        plain, length = ctypes.create_string_buffer(len(body) + 16), ctypes.c_int()
        is_right = (
            _CRYPTO.EVP_DecryptInit_ex(context, pointer(_CRYPTO.EVP_aes_256_gcm()), None, key, nonce) == 1
            and _CRYPTO.EVP_DecryptUpdate(context, plain, ctypes.byref(length), body, len(body)) == 1
            and _CRYPTO.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, 16, tag) == 1
            and _CRYPTO.EVP_DecryptFinal_ex(context, None, ctypes.byref(ctypes.c_int())) == 1
        )
    finally:
        _CRYPTO.EVP_CIPHER_CTX_free(context)
    if not is_right:
        raise ValueError("not decrypted")
    return plain.raw[: length.value]


def write(path: str, content: bytes) -> None:
    """The whole content or the old file, durable when it returns."""
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_connection(host: str, ca_file: str | None) -> http.client.HTTPConnection:
    """A connection to the base URL, TLS by its scheme."""
    parts = urlsplit(host)
    assert parts.hostname is not None
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)


def sync(connection: http.client.HTTPConnection, name: str, path: str) -> None:
    """Fetch, decrypt, look, write: token and key are in the environment, as the agent finds them."""
    headers = {"X-Service-Token": os.environ["CONFIG_SERVICE_TOKEN"], "Accept-Encoding": "identity"}
    connection.request("GET", f"/api/v1/service/configs/{name}", headers=headers)
    response = connection.getresponse()
    sealed = response.read()
    if response.status != 200:
        raise ValueError(f"status {response.status}")
    document = decrypt(bytes.fromhex(os.environ["CONFIG_SERVICE_KEY"]), sealed)
    json.loads(document)
    write(path, document)


def main(host: str, name: str, path: str, ca_file: str | None = None) -> None:
    """One config, once."""
    connection = open_connection(host, ca_file)
    try:
        sync(connection, name, path)
    finally:
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
