"""The one TLS context that all connections of a service share, and its renewal when the files behind it change."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from config_sync.errors import CredentialError, TlsFailed
from config_sync.http.client_pair import ClientPair, State, state_of
from config_sync.http.failures import describe


def _to_nobody(_: str) -> None:
    """Nobody wants to know."""


class Tls:
    """Verification against the default CAs, or against those of `ca_file` *only*; it can never be switched off.

    `client_pair` is what we show of ourselves (mutual TLS). Where it or `ca_file` changes on the disk, the next
    connection uses the new content; one that cannot be used leaves the old in force.

    The context is made when first asked for: it costs 27-50 ms and 0.8 MB with the default CAs, which ``http://`` and
    `ca_file` need not pay. `warn` gets a sentence where something weakens TLS or a renewal failed, `note` one where a
    renewal is in force. Any thread may call anything here.
    """

    def __init__(
        self,
        ca_file: str | None = None,
        *,
        client_pair: ClientPair | None = None,
        warn: Callable[[str], None] = _to_nobody,
        note: Callable[[str], None] = _to_nobody,
    ) -> None:
        self._ca_file = ca_file
        self._pair = client_pair
        self._warn = warn
        self._note = note
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._files = (() if ca_file is None else (ca_file,)) + (() if client_pair is None else client_pair.files())
        self._seen: State = ()
        self._told: set[Callable[[], None]] = set()
        self.clock_ahead_s: float | None = None
        """How far the service's clock is ahead of this machine's, by its last answer with a date."""

    def context(self) -> ssl.SSLContext:
        """The shared context: TLS 1.2 or later, host names checked, ALPN ``http/1.1`` only.

        Another object than before where the files behind it have changed: connections of the old one are to be left.

        Raises:
            TlsFailed: `ca_file` cannot be read or holds no certificate.
            CredentialError: the client certificate cannot be used.
        """
        with self._lock:
            before = self._context
            if before is not None and (not self._files or state_of(self._files) == self._seen):
                return before
            found = self._made(before)
            self._context = found
            told = tuple(self._told) if before is not None and found is not before else ()
        for tell in told:
            tell()
        return found

    @contextmanager
    def telling(self, used: ssl.SSLContext, on_renewal: Callable[[], None]) -> Iterator[None]:
        """While inside, `on_renewal` is called when another context than `used` is in force; now, if one is already.

        In any thread; it must be quick and must not raise.
        """
        with self._lock:
            self._told.add(on_renewal)
            is_old = self._context is not used
        try:
            if is_old:
                on_renewal()
            yield
        finally:
            with self._lock:
                self._told.discard(on_renewal)

    def _made(self, before: ssl.SSLContext | None) -> ssl.SSLContext:
        """A new context, or the one `before` where the files' new content cannot be used."""
        seen = state_of(self._files)
        if before is None:
            made = self._make()
            self._seen = seen
            return made
        self._seen = seen  # the same content is told of once
        try:
            made = self._make()
        except (TlsFailed, CredentialError) as error:
            self._warn(f"{error.message}; what was read before stays in use")
            return before
        self._note(f"{' and '.join(self._files)} read anew: new connections use the new content")
        return made

    def _make(self) -> ssl.SSLContext:
        if os.environ.get("SSLKEYLOGFILE"):
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
                    reason="CaFileUnusable",
                ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1; Debian's Python leaves it to the system
        context.set_alpn_protocols(["http/1.1"])
        if self._pair is not None:
            self._pair.load_into(context)
        return context


def _has_system_store() -> bool:
    # Not by counting what is loaded: certificates of a directory are read when they are needed.
    paths = ssl.get_default_verify_paths()
    # Both are None where there is no such file or directory.
    return bool(paths.cafile) or (bool(paths.capath) and bool(os.listdir(paths.capath)))


def _load_bundled(context: ssl.SSLContext) -> None:
    import certifi  # only in images without a CA store; httpcore brings it along

    context.load_verify_locations(certifi.where())
