"""An HTTP proxy on raw sockets: tunnels by CONNECT, requests in absolute form, and what a proxy can do wrong.

Names are routed by a table, so that a test can ask for ``config.test`` and nobody resolves it. Leaving it closes every
socket and joins every thread.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.loopback_server import LoopbackServer


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the proxy; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class ProxyServer(LoopbackServer):
    """Listens on 127.0.0.1. `routes` maps ``HOST:PORT`` to a port of this machine; what it does not name is a 502.

    `status` (not 0) answers everything; `raw` is sent instead of any answer, and then the connection ends.
    """

    def __init__(self, routes: Mapping[str, int] | None = None, *, status: int = 0, raw: bytes | None = None) -> None:
        super().__init__(self._pass_on)
        self.routes = dict(routes or {})
        self.status = status
        self.raw = raw
        self.asked: list[Asked] = []

    def url(self, user: str = "") -> str:
        """For ``service.proxy``; `user` is ``NAME:PASSWORD``."""
        return f"http://{user + '@' if user else ''}127.0.0.1:{self.port}"

    def _pass_on(self, sock: socket.socket, _number: int) -> None:
        head = _read_head(sock)
        if head is None:
            return
        self.asked.append(head)
        if self.raw is not None:
            sock.sendall(self.raw)
            return
        status, port = self.status, self.routes.get(_place_of(head))
        if not status and port is None:
            status = 502
        if status or port is None:
            head_lines = (f"HTTP/1.1 {status} SECRET-CANARY", "Content-Length: 0", "Connection: close", "", "")
            sock.sendall("\r\n".join(head_lines).encode())
            return
        with self.kept(socket.create_connection(("127.0.0.1", port), timeout=60)) as upstream:
            upstream.settimeout(None)
            if head.method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            else:
                upstream.sendall(_origin_form(head))
            back = self.start(functools.partial(_pump, upstream, sock))
            _pump(sock, upstream)
            back.join(timeout=60)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _read_head(sock: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sock.recv(65536)):
            return None
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Asked(method, target, {name.lower(): value.strip() for name, _, value in pairs})


def _place_of(head: Asked) -> str:
    if head.method == "CONNECT":
        return head.target
    parts = urlsplit(head.target)
    return f"{parts.hostname}:{parts.port or 80}"


def _origin_form(head: Asked) -> bytes:
    """What a proxy hands on (RFC 9112 3.2.1): one request for each connection, which keeps this one simple."""
    parts = urlsplit(head.target)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    kept = {name: value for name, value in head.headers.items() if name not in ("proxy-authorization", "connection")}
    lines = [f"{head.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in kept.items())]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")
