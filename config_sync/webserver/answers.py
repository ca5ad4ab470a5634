"""What is answered to one request. Pure: no network, no HTTP library."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from config_sync.http.loopback import is_loopback

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"

HEALTH = {"/livez": "live", "/readyz": "ready", "/startupz": "startup"}
"""Path to the word of `health`."""

POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The page's own style sheet, by its hash, its empty icon, and nothing else: no script, frame or form."""


@dataclass(frozen=True, slots=True)
class Request:
    """`target` as it was sent; `host` is the Host header's value, None where there is none.

    `is_from_here`: it came to a loopback address of ours, or over a unix socket.
    """

    method: str
    target: str
    host: str | None
    is_from_here: bool


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back. `extra` are headers beside those that every answer has."""

    status: HTTPStatus
    content_type: str
    body: bytes
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """HTML, and the base64 of the SHA-256 of the one style sheet in it."""

    html: str
    style_hash: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where the answers come from. `health` takes live, ready or startup; the rest is made anew at each request."""

    health: Callable[[str], tuple[bool, str]]
    metrics: Callable[[], str]
    status: Callable[[], bytes]
    page: Callable[[], Page]
    metrics_type: str = TEXT


def line(status: HTTPStatus, text: str, *extra: tuple[str, str]) -> Response:
    """One line of plain text."""
    return Response(status, TEXT, text.replace("\n", " ").encode("utf-8", "replace") + b"\n", extra)


def answer(request: Request, site: Site) -> Response:
    """The answer. A HEAD gets what a GET would: leaving out the body is the sender's part."""
    path = request.target.partition("?")[0]
    if path not in (*HEALTH, "/metrics", "/status", "/"):
        return line(HTTPStatus.NOT_FOUND, "there is /livez, /readyz, /startupz, /metrics, /status and /")
    if request.method not in ("GET", "HEAD"):
        return line(HTTPStatus.METHOD_NOT_ALLOWED, "nothing can be changed here", ("Allow", "GET, HEAD"))
    if path in HEALTH:
        is_well, why = site.health(HEALTH[path])
        return line(HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, why)
    if path == "/metrics":
        return Response(HTTPStatus.OK, site.metrics_type, site.metrics().encode())
    if not request.is_from_here:
        return line(
            HTTPStatus.FORBIDDEN,
            "the status is shown on this machine only: ask over 127.0.0.1, ::1 or a unix socket (ssh -L reaches them)",
        )
    if request.host is None or not is_local_host(request.host):
        return line(HTTPStatus.FORBIDDEN, "the status is shown only to who asks for localhost, 127.0.0.1 or [::1]")
    if path == "/status":
        return Response(HTTPStatus.OK, JSON, site.status())
    page = site.page()
    policy = ("Content-Security-Policy", POLICY.format(style=page.style_hash))
    return Response(HTTPStatus.OK, HTML, page.html.encode("utf-8", "replace"), (policy,))


def is_local_host(host: str) -> bool:
    """Whether a Host header names this machine by a literal or ``localhost``.

    A page of another site whose name was made to point here (DNS rebinding) still sends that name.
    """
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:]+)\]|(?P<name>[A-Za-z0-9.]+))(?::[0-9]{1,5})?", host, re.ASCII)
    return found is not None and is_loopback((found["v6"] or found["name"]).lower())


def is_here(local_address: str) -> bool:
    """Whether the address at our end of a connection is a loopback one, also as IPv4 in IPv6 (``::ffff:127.0.0.1``)."""
    try:
        address = ipaddress.ip_address(local_address.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
