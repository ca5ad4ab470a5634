"""One connection: one request in, one answer out, and its end. Bounded in time and size whatever the peer does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import h11

from config_sync.webserver.answers import Request, Response, Site, answer, is_here, line

MAX_HEAD = 16 * 1024
"""Bytes of a request's head: browsers send some 2 KiB; more is answered with 431."""
HEAD_S = 10.0
"""Within which a whole request must have come."""
ANSWER_S = 10.0
"""Within which a peer must have read the answer and gone."""
MAX_OPEN = 100
"""Connections at once. One more, and the one is closed that has waited longest without a whole request."""

_EVERY = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Connection", "close"),
)
"""Headers of every answer."""


class Connections:
    """Those that are open, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[Connection, None] = {}
        self._answered: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._answered)

    def opened(self, one: Connection) -> None:
        """It waits for its request; one of the others may have to go for it."""
        if len(self) >= MAX_OPEN:
            oldest = next(iter(self._waiting or self._answered))
            self.closed(oldest)
            oldest.abort()
        self._waiting[one] = None

    def answered(self, one: Connection) -> None:
        """Its request came whole."""
        self._waiting.pop(one, None)
        self._answered[one] = None

    def closed(self, one: Connection) -> None:
        """It is gone. Safe to repeat."""
        self._waiting.pop(one, None)
        self._answered.pop(one, None)

    def abort_all(self) -> None:
        """The server ends."""
        for one in (*self._waiting, *self._answered):
            one.abort()


class Connection(asyncio.Protocol):
    """asyncio calls it; it calls `site` once, in the event loop. `failed` is told of a bug in `site`."""

    def __init__(self, site: Site, connections: Connections, *, failed: Callable[[Exception], None]) -> None:
        self._site = site
        self._connections = connections
        self._failed = failed
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * MAX_HEAD)
        self._room = MAX_HEAD
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_from_here = False
        self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, but not for ever."""
        self._transport = cast("asyncio.Transport", transport)
        address: object = transport.get_extra_info("sockname")
        # Of a unix socket the address is a text, of TCP a tuple that begins with the host.
        self._is_from_here = is_here(str(address[0])) if isinstance(address, tuple) else True
        self._connections.opened(self)
        self._within(HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the head is whole; what comes after it is thrown away."""
        if self._is_answered:
            return
        try:
            # h11 itself bounds only what it must keep for later: a head that came in one piece could be any size.
            self._http.receive_data(data[: self._room])
            event = self._http.next_event()
        except h11.RemoteProtocolError:  # its text may quote the peer: not sent back
            self._send(line(HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request"))
            return
        self._room -= len(data)
        if isinstance(event, h11.Request):
            self._answer(event)
        elif self._room <= 0:
            self._send(line(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a request has at most {MAX_HEAD} bytes"))

    def eof_received(self) -> bool:
        """The peer sends no more. True: keep the way back open until the answer is through."""
        if self._is_answered and self._transport is not None:
            self._transport.close()  # once all is sent
        return self._is_answered

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        """It is over."""
        self._connections.closed(self)
        if self._deadline is not None:
            self._deadline.cancel()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def _within(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)

    def _answer(self, request: h11.Request) -> None:
        host = next((value for name, value in request.headers if name == b"host"), None)
        asked = Request(
            request.method.decode("ascii"),
            request.target.decode("ascii", "replace"),
            None if host is None else host.decode("latin-1"),
            self._is_from_here,
        )
        try:
            made = answer(asked, self._site)
        except Exception as error:  # noqa: BLE001  # a bug in one answer must not end the others
            self._failed(error)
            made = line(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug in config-sync: please report it with its log line")
        self._send(made, is_head=request.method == b"HEAD")

    def _send(self, made: Response, *, is_head: bool = False) -> None:
        assert self._transport is not None
        self._is_answered = True
        self._connections.answered(self)
        self._within(ANSWER_S)
        length = ("Content-Length", str(len(made.body)))
        head = h11.Response(
            status_code=made.status,
            reason=made.status.phrase,
            headers=[("Content-Type", made.content_type), length, *_EVERY, *made.extra],
        )
        sent = self._http.send(head) or b""
        if not is_head:
            sent += made.body
        self._transport.write(sent)
        # The peer is to close first: to close while bytes of it are unread would reset the connection, and could take
        # the answer with it.
        if self._transport.can_write_eof():
            self._transport.write_eof()
