"""One endless response as an async iterator of bytes, on a client and a connection of its own.

A shared pool will not do: cancelled streams leak its slots, and more than 20 open streams defeat its keep-alive (both
measured with httpx 0.28.1). A client costs 0.1 ms and 10 KB. HTTP/1.1 only: with HTTP/2 one of them delays the others.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress

from config_sync.errors import ServiceError
from config_sync.http.connecting import SOCKET_OPTIONS
from config_sync.http.failures import (
    StreamRenewed,
    StreamSilent,
    chain_of,
    fold_headers,
    not_http,
    origin_of,
    proxy_not_http,
    refused_by_proxy,
    translate,
)
from config_sync.http.library import httpx
from config_sync.http.pools import status_of
from config_sync.http.proxy import Proxy
from config_sync.http.tls import Tls


class RawStream:
    """An open response. `headers` have lower-case names."""

    def __init__(self, response: httpx.Response, url: str, idle_timeout_s: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = fold_headers(response.headers.raw)
        self._source = response.aiter_raw()
        self._url = url
        self._idle_timeout_s = idle_timeout_s
        network: object = response.extensions.get("network_stream")
        look = getattr(network, "get_extra_info", None)
        sock = look("socket") if callable(look) else None
        # asyncio hands out a stand-in of the socket, which has what is used here.
        self._sock: socket.socket | None = sock if hasattr(sock, "setsockopt") else None
        self._is_renewed = False

    def watch_over(self) -> None:
        """Let the system notice a connection that is cut: httpcore passes no socket options to one with a proxy."""
        if self._sock is not None:
            with suppress(OSError):
                for level, option, value in SOCKET_OPTIONS:
                    self._sock.setsockopt(level, option, value)

    def leave(self) -> None:
        """What is behind TLS has changed: `chunks` ends with StreamRenewed. In the event loop."""
        self._is_renewed = True
        if self._sock is not None:
            with suppress(OSError):  # it is closed already
                self._sock.shutdown(socket.SHUT_RDWR)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come, undecoded; ends at a clean end. To be iterated once.

        Raises:
            StreamSilent: no byte for the idle timeout.
            StreamRenewed: the client certificate or the CA on the disk is another one: connect anew.
            ServiceUnavailable: the connection broke, or ended in the middle.
        """
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._source)
        except (httpx.TransportError, OSError, StopAsyncIteration) as error:
            if self._is_renewed:
                raise StreamRenewed(f"{origin_of(self._url)}: left, since the files behind TLS changed") from error
            if isinstance(error, StopAsyncIteration):
                raise
            if isinstance(error, httpx.ReadTimeout):
                raise StreamSilent(
                    f"{origin_of(self._url)}: the stream was silent for {self._idle_timeout_s:g} s"
                ) from error
            raise translate(error, url=self._url, stage="the stream broke off", is_answered=True) from error

    async def end(self) -> None:
        """Let go of the source; nothing more is read."""
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()


@asynccontextmanager
async def open_stream(
    url: str,
    headers: Mapping[str, str],
    *,
    tls: Tls,
    connect_timeout_s: float,
    idle_timeout_s: float,
    proxy: Proxy | None = None,
) -> AsyncIterator[RawStream]:
    """The response to a GET, whatever its status, as soon as its headers are there; closed on leaving.

    `connect_timeout_s` bounds connect and handshake, each; `idle_timeout_s` the silence between two bytes, and all of
    the headers (some servers send them with the first event only). Nothing bounds the stream's life.

    Raises:
        ServiceUnavailable: no answer.
        TlsFailed: the server's certificate or its TLS is refused, or `ca_file` cannot be used.
        CredentialError: the client certificate cannot be used.
        ProxyRefused: the proxy will not let us through.
        UnexpectedResponse: the answer is not HTTP.
    """
    context = tls.context() if url.startswith("https:") else None
    client = httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=_NO_TLS if context is None else context,
            trust_env=False,
            http1=True,
            http2=False,
            retries=0,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            socket_options=SOCKET_OPTIONS,
            proxy=None if proxy is None else httpx.Proxy(proxy.origin, headers=proxy.headers()),
        ),
        timeout=httpx.Timeout(connect=connect_timeout_s, read=idle_timeout_s, write=idle_timeout_s, pool=None),
        follow_redirects=False,
        trust_env=False,
    )
    stream: RawStream | None = None
    response: httpx.Response | None = None
    way = _Way(proxy, is_tunnel=context is not None)
    try:
        # As bytes: a Last-Event-ID is UTF-8 (HTML, section 9.2.3).
        raw = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
        try:
            async with asyncio.timeout(connect_timeout_s + idle_timeout_s):
                request = client.build_request("GET", url, headers=raw, extensions=way.extensions())
                response = await client.send(request, stream=True)
        except (httpx.TransportError, OSError) as error:
            raise _no_answer(error, url, tls, way) from error
        stream = RawStream(response, url, idle_timeout_s)
        if proxy is not None:
            stream.watch_over()
        with ExitStack() as watched:
            if context is not None:
                # Also where it was replaced during the connect: that was let be, and is left now, once.
                watched.enter_context(tls.telling(context, _in_loop(stream)))
            yield stream
    finally:
        closing = asyncio.create_task(_close(client, response, stream))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait({closing})  # a second cancel must not leave the socket open
            raise


# httpx insists on a context. This one trusts nobody, so that an https address could not slip through it.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _in_loop(stream: RawStream) -> Callable[[], None]:
    """Leaves the stream, from any thread."""
    loop = asyncio.get_running_loop()

    def leave() -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(stream.leave)

    return leave


class _Way:
    """How far a request has come; `proxy` is the origin of the proxy while it is with that."""

    def __init__(self, proxy: Proxy | None, *, is_tunnel: bool) -> None:
        self.proxy = None if proxy is None else proxy.origin
        self._asked = self.proxy
        # httpcore's words for the first step that is none of the proxy's (its documentation of extensions, "trace").
        self._beyond = "start_tls.started" if is_tunnel else "send_request_headers.started"

    def extensions(self) -> dict[str, object] | None:
        """For the request: with a proxy, each step is followed."""
        return None if self.proxy is None else {"trace": self._trace}

    def refused(self, error: Exception, url: str) -> ServiceError:
        """The proxy answered no."""
        return refused_by_proxy(status_of(error), self._asked or "", url)

    async def _trace(self, event: str, _info: Mapping[str, object]) -> None:
        if event.endswith(self._beyond):
            self.proxy = None


def _no_answer(error: Exception, url: str, tls: Tls, way: _Way) -> ServiceError:
    if isinstance(error, httpx.ProxyError):
        return way.refused(error, url)
    # httpcore tells a connection that ended in its own words; what comes from the parser below it is no HTTP.
    if isinstance(error, httpx.RemoteProtocolError) and any(
        type(link).__module__.partition(".")[0] == "h11" for link in chain_of(error)
    ):
        return not_http(url) if way.proxy is None else proxy_not_http(way.proxy)
    is_connecting = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
    return translate(
        error,
        url=url,
        stage="connecting" if is_connecting else "waiting for the answer",
        is_handshake=is_connecting,
        proxy=way.proxy,
        clock_ahead_s=tls.clock_ahead_s,
    )


async def _close(client: httpx.AsyncClient, response: httpx.Response | None, stream: RawStream | None) -> None:
    if stream is not None:
        await stream.end()
    if response is not None:
        await response.aclose()
    await client.aclose()
