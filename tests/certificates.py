"""Certificates of tests, beyond what trustme does by itself: servers that show them, pairs in files, replaced."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization


def served(leaf: trustme.LeafCert) -> ssl.SSLContext:
    """A server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def mutual(authority: trustme.CA, clients: trustme.CA, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A server for ``localhost`` that wants a client certificate of `clients`, in one version of TLS or any."""
    context = served(authority.issue_cert("localhost"))
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@dataclass(frozen=True, slots=True)
class Mounted:
    """A directory as Kubernetes mounts a secret: ``tls.crt`` and ``tls.key`` by ``..data``, switched by one rename."""

    directory: Path

    @property
    def cert_file(self) -> Path:
        return self.directory / "tls.crt"

    @property
    def key_file(self) -> Path:
        return self.directory / "tls.key"

    def put(self, pair: trustme.LeafCert, *, number: int) -> None:
        """Show this pair from now on."""
        generation = self.directory / f"..{number}"
        generation.mkdir(parents=True)
        (generation / "tls.crt").write_bytes(pair.cert_chain_pems[0].bytes())
        (generation / "tls.key").write_bytes(pair.private_key_pem.bytes())
        (generation / "tls.key").chmod(0o600)
        switch = self.directory / "..data_tmp"
        switch.symlink_to(generation.name)
        switch.replace(self.directory / "..data")
        for path in (self.cert_file, self.key_file):
            if not path.is_symlink():
                path.symlink_to(f"..data/{path.name}")


def encrypted(pair: trustme.LeafCert, password: bytes = b"hunter2") -> bytes:
    """The pair's key under a password, in PEM."""
    key = serialization.load_pem_private_key(pair.private_key_pem.bytes(), password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
