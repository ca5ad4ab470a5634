"""One request with a deadline, a size cap and a stop: `Fetcher`."""

from __future__ import annotations

import os
import select
import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from config_sync.http.bodies import CappedBody
from config_sync.http.engine import httpcore
from config_sync.http.exchange import Exchange
from config_sync.http.failures import fold_headers, translate
from config_sync.http.pools import connection_failure, pool_for
from config_sync.http.proxy import Proxy
from config_sync.http.tls import Tls
from config_sync.http.wire import Backend
from config_sync.stop import Stop

_IDLE_S = 60.0
"""How long an unused connection is kept: below the 75 s of nginx, so that it is we who close it."""

_NOT_MODIFIED = 304
"""Has no body (RFC 9110 15.4.5): reading it to its end keeps the connection."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `headers` have lower-case names; `body` is empty unless the status is 2xx."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Fetcher:
    """Requests over at most `slots` connections, kept alive between them. Any thread may call it.

    Each slot is a pool of its own with one connection: nothing is shared, so nothing leaks from a request that was
    ended to the next one. No redirect is followed, no body is decoded, and no proxy is used but the given one.
    """

    def __init__(self, tls: Tls, *, connect_timeout_s: float = 5.0, slots: int = 8, proxy: Proxy | None = None) -> None:
        self._tls = tls
        self._proxy = proxy
        self._connect_timeout_s = connect_timeout_s
        # A semaphore that can be polled beside the stop: eventfd(2).
        self._free = os.eventfd(slots, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._idle: deque[_Slot] = deque()
        self._is_closed = False

    def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int, stop: Stop) -> Response:
        """The answer to a GET, whatever its status.

        `timeout_s` bounds all of it: the wait for a slot, look-up, connect, handshake, headers and body. A kept
        connection that the server closed meanwhile is replaced once, unnoticed.

        Raises:
            ServiceUnavailable: no complete answer, for a reason of transport or time.
            TlsFailed: the server's certificate or its TLS is refused, or `ca_file` cannot be used.
            CredentialError: the client certificate cannot be used.
            ProxyRefused: the proxy will not let us through.
            UnexpectedResponse: not HTTP, a body over `max_bytes`, or one that is encoded (``Content-Encoding``).
            Stopped: `stop` was set before the end.
        """
        exchange = Exchange(stop, timeout_s=timeout_s, connect_timeout_s=self._connect_timeout_s)
        with self._slot(exchange, url) as slot:
            try:
                return slot.get(url, headers, exchange, max_bytes)
            except _Stale:
                return slot.get(url, headers, exchange, max_bytes)

    def close(self) -> None:
        """Close every idle connection; those in use close at the end of their request."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _slot(self, exchange: Exchange, url: str) -> Iterator[_Slot]:
        exchange.check()
        while True:
            try:
                os.eventfd_read(self._free)
                break
            except BlockingIOError:
                try:
                    exchange.wait({self._free: select.POLLIN})
                except TimeoutError as error:
                    raise translate(error, url=url, stage=exchange.stage) from error
        try:
            try:
                slot = self._idle.pop()
            except IndexError:
                slot = _Slot(self._tls, self._proxy)
            try:
                yield slot
            except BaseException:
                slot.close()  # a connection in doubt is never used again
                raise
            if self._is_closed:
                slot.close()
            else:
                self._idle.append(slot)
        finally:
            os.eventfd_write(self._free, 1)

    def __del__(self) -> None:
        free = getattr(self, "_free", None)
        if free is not None:
            os.close(free)


class _Stale(Exception):
    """A kept connection turned out closed before the first byte of an answer: the request was not answered."""


class _Slot:
    """One connection at most, to whatever origin was asked last."""

    def __init__(self, tls: Tls, proxy: Proxy | None) -> None:
        self._tls = tls
        self._proxy = proxy
        self._backend = Backend(is_proxied=proxy is not None)
        self._pool: httpcore.ConnectionPool | None = None
        self._context: ssl.SSLContext | None = None

    def get(self, url: str, headers: Mapping[str, str], exchange: Exchange, max_bytes: int) -> Response:
        """See `Fetcher.get`. Raises also _Stale, at most once an exchange."""
        # A context of its own for https, always: without one httpcore would load the default CAs beside a private one.
        pool = self._open(self._tls.context() if url.startswith("https:") else None)
        self._backend.exchange = exchange
        exchange.is_reused = True
        try:
            with pool.stream("GET", url, headers=list(headers.items())) as raw:
                return _read(raw, url, exchange, max_bytes)
        except (httpcore.RemoteProtocolError, httpcore.ProxyError, OSError) as error:
            if exchange.is_reused and not exchange.has_answer and not isinstance(error, TimeoutError):
                self.close()
                raise _Stale from error
            raise connection_failure(error, url, exchange, tls=self._tls, proxy=self._proxy) from error
        finally:
            self._backend.exchange = None

    def close(self) -> None:
        """Close the connection; the next `get` makes another."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _open(self, context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
        if self._pool is not None and self._context is not context:
            self.close()  # of another scheme, or with what the files behind TLS held before
        if self._pool is None:
            self._context = context
            self._pool = pool_for(context, self._backend, proxy=self._proxy, keep_s=_IDLE_S)
        return self._pool


def _read(raw: httpcore.Response, url: str, exchange: Exchange, max_bytes: int) -> Response:
    headers = fold_headers(raw.headers)
    if 300 <= raw.status != _NOT_MODIFIED or raw.status < 200:
        # The body of a refusal is not read: it may never end, and nobody here may show it. The connection closes.
        return Response(raw.status, headers, b"")
    body = CappedBody(url, headers, max_bytes)
    exchange.stage = "reading the body"
    for chunk in raw.iter_stream():
        body.add(chunk)
    return Response(raw.status, headers, body.whole())
