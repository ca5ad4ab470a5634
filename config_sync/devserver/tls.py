"""A certificate and its key for the embedded service, looked at before anything listens."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from config_sync.errors import UsageError


@dataclass(frozen=True, slots=True)
class TlsPair:
    """Two PEM files: the certificate with its chain, and its private key without a password."""

    cert_file: str
    key_file: str

    def check(self) -> None:
        """They can be read and belong together. Raises UsageError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
        except OSError as error:  # ssl.SSLError is one; its text is OpenSSL's jargon
            why = "no pair in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            raise UsageError(
                f"{self.cert_file} and {self.key_file} cannot be served: {why}",
                hint="--tls CERT KEY: the certificate (with its chain) and its key without a password, in PEM",
            ) from error


def _no_password() -> str:
    """OpenSSL would ask the terminal."""
    return ""
