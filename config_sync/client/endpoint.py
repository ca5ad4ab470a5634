"""Where the service is and what every request to it carries: URLs built in one place, the token, the TLS context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from config_sync import __version__
from config_sync.errors import CredentialError
from config_sync.http.proxy import Proxy
from config_sync.http.tls import Tls
from config_sync.model import ConfigName, ConfigRef, Secret

_BASE = "/api/v1/service/configs"
_SENDABLE = re.compile(r"[\x21-\x7e]+")


class TokenSource(Protocol):
    """Where the service token comes from (`config_sync.credentials`)."""

    def read(self) -> Secret:
        """The token as it is now. Raises CredentialError."""
        ...

    def describe(self) -> str:
        """The source by name, for hints: ``$CONFIG_SERVICE_TOKEN``; never the content."""
        ...


class Endpoint:
    """One service: `host` is its base URL (a path prefix is kept), `token` is read anew for each request.

    `tls` is shared by everything that talks to it; `connect_timeout_s` bounds look-up, connect and handshake;
    `proxy` is the way to it, None: direct.
    """

    def __init__(
        self,
        host: str,
        token: TokenSource,
        *,
        tls: Tls | None = None,
        connect_timeout_s: float = 5.0,
        proxy: Proxy | None = None,
    ) -> None:
        self.host = _ascii(host.rstrip("/"))
        self.token = token
        self.tls = tls if tls is not None else Tls()
        self.connect_timeout_s = connect_timeout_s
        self.proxy = proxy

    def __repr__(self) -> str:
        return f"Endpoint({self.host!r})"

    @property
    def forwarder(self) -> str | None:
        """The origin of the proxy, where that hands on our requests and may answer them itself: for plain http only."""
        return self.proxy.origin if self.proxy is not None and self.host.startswith("http:") else None

    def list_url(self) -> str:
        """Of the list of configs."""
        return self.host + _BASE

    def config_url(self, ref: ConfigRef) -> str:
        """Of one config; what the reference leaves open is left out of the query."""
        query = []
        if ref.environment:
            query.append("environment=" + quote(ref.environment, safe=""))
        if ref.version:
            query.append(f"version={ref.version}")
        return self._of(ref.name) + ("?" + "&".join(query) if query else "")

    def formatted_url(self, name: ConfigName, form: str) -> str:
        """Of one config in a format of the service's own."""
        return f"{self._of(name)}/formatted?format={quote(form, safe='')}"

    def watch_url(self, name: ConfigName) -> str:
        """Of one config's change stream."""
        return self._of(name) + "/watch"

    def headers(self, token: Secret, *, accept: str = "*/*", extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a request carries.

        Raises:
            CredentialError: the token has characters that no header may carry (checked here since an HTTP library
                would quote it in its complaint).
        """
        if not _SENDABLE.fullmatch(token.reveal()):
            raise CredentialError(
                f"the token from {self.token.describe()} is empty or has characters that a header cannot carry",
                hint="a token is one word of printable ASCII: look for a line break, a space or a quote too many",
            )
        return {
            "X-Service-Token": token.reveal(),
            "Accept": accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"config-sync/{__version__}",
            **(extra or {}),
        }

    def _of(self, name: ConfigName) -> str:
        return f"{self.host}{_BASE}/{quote(name, safe='')}"


def _ascii(host: str) -> str:
    """The base URL with an international name in the form that DNS and certificates use (RFC 5891)."""
    if host.isascii():
        return host
    scheme, _, rest = host.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.encode('idna').decode('ascii')}{slash}{quote(path)}"
