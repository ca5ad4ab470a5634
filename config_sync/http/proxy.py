"""The HTTP proxy on the way to the service: from a setting or the environment to an address and a header. No I/O."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from config_sync.http.loopback import is_loopback

DEFAULT_PORT = 80
"""Of an http URL without a port (RFC 9110 4.2.1). curl would say 1080, most others say this."""

EXPECTED = "the URL of an HTTP proxy such as http://proxy.example.com:3128"


class ProxyRefusal(ValueError):
    """No proxy that can be used. The text is a clause, and quotes nothing: the URL may hold a password."""

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy, spoken to without TLS: ``CONNECT`` for https, requests in absolute form for http.

    `authorization` is the value of ``Proxy-Authorization``, None without a user. It is in no `repr`.
    """

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """``http://HOST:PORT``: for the library, and for every message."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What a request carries for the proxy alone."""
        return [] if self.authorization is None else [(b"Proxy-Authorization", self.authorization.encode("ascii"))]

    @property
    def is_on_this_machine(self) -> bool:
        """Whether nobody beyond this machine sees what is sent to it."""
        return is_loopback(self.host)


def parse_proxy(text: str) -> Proxy:
    """The proxy of a URL ``http://[USER:PASSWORD@]HOST[:PORT]``; user and password may be percent-encoded.

    Raises:
        ProxyRefusal: anything else, among it proxies by SOCKS or TLS.
    """
    if re.search(r"[^\x21-\x7e]", text):
        raise ProxyRefusal(f"expected {EXPECTED}; this one has a blank, a control character or non-ASCII")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:  # its text may quote the URL
        raise ProxyRefusal(f"expected {EXPECTED}; the host is malformed", hint=_ENCODE_HINT) from None
    if parts.scheme.startswith("socks"):
        raise ProxyRefusal("SOCKS proxies are not supported", hint=f"name {EXPECTED.removeprefix('the URL of ')}")
    if parts.scheme == "https":
        raise ProxyRefusal(
            "TLS to the proxy itself is not supported",
            hint="the service's TLS goes through the proxy untouched: name the proxy by http://",
        )
    if parts.scheme != "http":
        raise ProxyRefusal(f"expected {EXPECTED}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ProxyRefusal(f"expected {EXPECTED}, without a path", hint="a password with / ? or # is percent-encoded")
    try:
        port = parts.port
    except ValueError:
        raise ProxyRefusal(f"expected {EXPECTED}; the port is malformed", hint=_ENCODE_HINT) from None
    host = parts.hostname or ""
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", host) or port == 0:
        raise ProxyRefusal(f"expected {EXPECTED}; the host or port is malformed", hint=_ENCODE_HINT)
    return Proxy(host, DEFAULT_PORT if port is None else port, _authorization(parts))


_ENCODE_HINT = "user and password are percent-encoded: an @ is %40, a : is %3A, a / is %2F"


def _authorization(parts: SplitResult) -> str | None:
    """As RFC 7617 has it; UTF-8, which servers of today expect."""
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")


def of_environment(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that the environment names for `url`; None: the way is direct.

    ``https_proxy`` or ``http_proxy`` by the scheme, else ``all_proxy``; lower case before upper case; an empty one
    counts as unset. ``no_proxy`` excepts (see `is_excepted`), and so is this machine itself, which no proxy can mean.

    Raises:
        ProxyRefusal: the variable has no URL of a proxy; the text names it.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if is_loopback(host) or is_excepted(host, port, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    for stem in (f"{parts.scheme}_proxy", "all_proxy"):
        for name in (stem, stem.upper()):
            if text := environ.get(name):
                try:
                    return parse_proxy(text)
                except ProxyRefusal as error:
                    raise ProxyRefusal(f"${name}: {error}", hint=error.hint) from None
    return None


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Whether an entry of ``no_proxy`` means the host: ``*``, a name and all below it, an address, a network.

    Entries are separated by commas or blanks; a leading dot or ``*.`` means the same as none; ``:PORT`` narrows one.
    """
    return any(_means(entry.lower(), host.lower(), port) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def _means(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    import ipaddress  # 2 ms, only where there is an exception to look at

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass  # one of the two is a name, or the entry has a port
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal():
        if int(number) != port:
            return False
        entry = name.strip("[]")
    name = entry.removeprefix("*").lstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
