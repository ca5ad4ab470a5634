"""The one TLS context that all connections of a service share."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable

from config_sync.errors import TlsFailed
from config_sync.http.failures import describe


class Tls:
    """Verification against the default CAs, or against those of `ca_file` *only*; it can never be switched off.

    The context is made when first asked for: it costs 27-50 ms and 0.8 MB with the default CAs, which ``http://`` and
    `ca_file` need not pay. `warn` gets a sentence where something weakens TLS.
    """

    def __init__(self, ca_file: str | None = None, *, warn: Callable[[str], None] | None = None) -> None:
        self._ca_file = ca_file
        self._warn = warn
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The shared context: TLS 1.2 or later, host names checked, ALPN ``http/1.1`` only.

        Raises:
            TlsFailed: `ca_file` cannot be read or holds no certificate.
        """
        with self._lock:
            if self._context is None:
                self._context = self._make()
            return self._context

    def _make(self) -> ssl.SSLContext:
        if self._warn is not None and os.environ.get("SSLKEYLOGFILE"):
            self._warn("SSLKEYLOGFILE is set: whoever reads that file can read the traffic with the service")
        if self._ca_file is None:
            context = ssl.create_default_context()
            if not _has_system_store():
                _load_bundled(context)
        else:
            try:
                context = ssl.create_default_context(cafile=self._ca_file)
            except OSError as error:
                # ssl.SSLError is an OSError; for a file without a certificate its text is OpenSSL's jargon.
                reason = "no certificate in PEM form" if isinstance(error, ssl.SSLError) else describe(error)
                raise TlsFailed(
                    f"service.ca_file {self._ca_file} cannot be used: {reason}",
                    hint="it is a PEM file of the CA certificates to trust, readable for this user",
                ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1; Debian's Python leaves it to the system
        context.set_alpn_protocols(["http/1.1"])
        return context


def _has_system_store() -> bool:
    # Not by counting what is loaded: certificates of a directory are read when they are needed.
    paths = ssl.get_default_verify_paths()
    # Both are None where there is no such file or directory.
    return bool(paths.cafile) or (bool(paths.capath) and bool(os.listdir(paths.capath)))


def _load_bundled(context: ssl.SSLContext) -> None:
    import certifi  # only in images without a CA store; httpcore brings it along

    context.load_verify_locations(certifi.where())
