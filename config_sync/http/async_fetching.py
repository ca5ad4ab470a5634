"""One request with a deadline and a size cap, for asyncio: `AsyncFetcher`. Cancelling ends it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from config_sync.http.bodies import CappedBody
from config_sync.http.connecting import SOCKET_OPTIONS
from config_sync.http.engine import httpcore
from config_sync.http.failures import DeadlinePassed, chain_of, fold_headers, not_http, translate
from config_sync.http.fetching import Response
from config_sync.http.tls import Tls

_IDLE_S = 60.0
"""How long an unused connection is kept: below the 75 s of nginx, so that it is we who close it."""

_NOT_MODIFIED = 304


class AsyncFetcher:
    """Requests over at most `slots` connections, kept alive between them, all in one event loop.

    Each slot is a pool of its own with one connection: one that was cancelled is closed and never used again, since
    cancelled requests leak the slots of a shared pool (httpcore 1.0.9, under contention).
    """

    def __init__(self, tls: Tls, *, connect_timeout_s: float = 5.0, slots: int = 8) -> None:
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._free = asyncio.Semaphore(slots)
        self._idle: list[httpcore.AsyncConnectionPool] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int) -> Response:
        """The answer to a GET, whatever its status; its body is empty unless the status is 2xx.

        `timeout_s` bounds all of it: the wait for a slot, look-up, connect, handshake, headers and body.

        Raises:
            ServiceUnavailable: no complete answer, for a reason of transport or time.
            TlsFailed: the server's certificate or its TLS is refused.
            UnexpectedResponse: not HTTP, a body over `max_bytes`, or one that is encoded.
        """
        heads: list[int] = []
        try:
            async with asyncio.timeout(timeout_s) as patience:
                async with self._slot(is_tls=url.startswith("https:")) as pool:
                    return await self._exchange(pool, url, headers, max_bytes, on_head=heads.append)
        except TimeoutError as error:
            if not patience.expired():
                raise translate(error, url=url, stage="connecting") from error
            late = DeadlinePassed(f"not done within {timeout_s:g} s")
            raise translate(late, url=url, stage="waiting for the answer", is_answered=bool(heads)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            if not heads and any(type(link).__module__.partition(".")[0] == "h11" for link in chain_of(error)):
                raise not_http(url) from error
            is_connecting = isinstance(error, (httpcore.ConnectError, httpcore.ConnectTimeout))
            stage = "connecting" if is_connecting else "reading the body" if heads else "waiting for the answer"
            raise translate(error, url=url, stage=stage, is_handshake=is_connecting, is_answered=bool(heads)) from error

    async def close(self) -> None:
        """Close every idle connection; those in use close at the end of their request."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _exchange(
        self,
        pool: httpcore.AsyncConnectionPool,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        *,
        on_head: Callable[[int], None],
    ) -> Response:
        timeout = {"connect": self._connect_timeout_s}
        async with pool.stream("GET", url, headers=[*headers.items()], extensions={"timeout": timeout}) as raw:
            on_head(raw.status)
            found = fold_headers(raw.headers)
            if 300 <= raw.status != _NOT_MODIFIED or raw.status < 200:
                return Response(raw.status, found, b"")
            body = CappedBody(url, found, max_bytes)
            async for chunk in raw.aiter_stream():
                body.add(chunk)
            return Response(raw.status, found, body.whole())

    @asynccontextmanager
    async def _slot(self, *, is_tls: bool) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # connections belong to the loop that made them
            self._loop = loop
            self._idle.clear()
        async with self._free:
            pool = self._idle.pop() if self._idle else self._pool(is_tls=is_tls)
            try:
                yield pool
            except BaseException:
                # Shielded: a second cancel must not leave the socket open.
                await asyncio.shield(asyncio.ensure_future(pool.aclose()))
                raise
            if self._is_closed:
                await pool.aclose()
            else:
                self._idle.append(pool)

    def _pool(self, *, is_tls: bool) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls.context() if is_tls else None,
            max_connections=1,
            keepalive_expiry=_IDLE_S,
            http1=True,
            http2=False,
            retries=0,
            socket_options=SOCKET_OPTIONS,
        )
