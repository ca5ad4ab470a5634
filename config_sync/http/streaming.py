"""One endless response as an async iterator of bytes, on a client and a connection of its own.

A shared pool will not do: cancelled streams leak its slots, and more than 20 open streams defeat its keep-alive (both
measured with httpx 0.28.1). A client costs 0.1 ms and 10 KB. HTTP/1.1 only: with HTTP/2 one of them delays the others.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from config_sync.errors import ServiceError
from config_sync.http.connecting import SOCKET_OPTIONS
from config_sync.http.failures import StreamSilent, chain_of, fold_headers, not_http, origin_of, translate
from config_sync.http.tls import Tls

# httpx brings a command line along where click and rich happen to be installed: 67 ms and some MB for nobody. It does
# without where it cannot import it, so for this one import it cannot.
_command_line = sys.modules.get("httpx._main")
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # None forbids the import (library reference, sys.modules)
try:
    import httpx
finally:
    del sys.modules["httpx._main"]
    if _command_line is not None:
        sys.modules["httpx._main"] = _command_line

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class RawStream:
    """An open response. `headers` have lower-case names."""

    def __init__(self, response: httpx.Response, url: str, idle_timeout_s: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = fold_headers(response.headers.raw)
        self._source = response.aiter_raw()
        self._url = url
        self._idle_timeout_s = idle_timeout_s

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come, undecoded; ends at a clean end. To be iterated once.

        Raises:
            StreamSilent: no byte for the idle timeout.
            ServiceUnavailable: the connection broke, or ended in the middle.
        """
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._source)
        except httpx.ReadTimeout as error:
            raise StreamSilent(
                f"{origin_of(self._url)}: the stream was silent for {self._idle_timeout_s:g} s"
            ) from error
        except (httpx.TransportError, OSError) as error:
            raise translate(error, url=self._url, stage="the stream broke off") from error

    async def end(self) -> None:
        """Let go of the source; nothing more is read."""
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()


@asynccontextmanager
async def open_stream(
    url: str, headers: Mapping[str, str], *, tls: Tls, connect_timeout_s: float, idle_timeout_s: float
) -> AsyncIterator[RawStream]:
    """The response to a GET, whatever its status, as soon as its headers are there; closed on leaving.

    `connect_timeout_s` bounds connect and handshake, each; `idle_timeout_s` the silence between two bytes, and all of
    the headers (some servers send them with the first event only). Nothing bounds the stream's life.

    Raises:
        ServiceUnavailable: no answer.
        TlsFailed: the server's certificate or its TLS is refused, or `ca_file` cannot be used.
        UnexpectedResponse: the answer is not HTTP.
    """
    client = httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=tls.context() if url.startswith("https:") else _NO_TLS,
            trust_env=False,
            http1=True,
            http2=False,
            retries=0,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            socket_options=SOCKET_OPTIONS,
        ),
        timeout=httpx.Timeout(connect=connect_timeout_s, read=idle_timeout_s, write=idle_timeout_s, pool=None),
        follow_redirects=False,
        trust_env=False,
    )
    stream: RawStream | None = None
    response: httpx.Response | None = None
    try:
        # As bytes: a Last-Event-ID is UTF-8 (HTML, section 9.2.3).
        raw = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
        try:
            async with asyncio.timeout(connect_timeout_s + idle_timeout_s):
                response = await client.send(client.build_request("GET", url, headers=raw), stream=True)
        except (httpx.TransportError, OSError) as error:
            raise _no_answer(error, url) from error
        stream = RawStream(response, url, idle_timeout_s)
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


def _no_answer(error: Exception, url: str) -> ServiceError:
    # httpcore tells a connection that ended in its own words; what comes from the parser below it is no HTTP.
    if isinstance(error, httpx.RemoteProtocolError) and any(
        type(link).__module__.partition(".")[0] == "h11" for link in chain_of(error)
    ):
        return not_http(url)
    is_connecting = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
    stage = "connecting" if is_connecting else "waiting for the answer"
    return translate(error, url=url, stage=stage, is_handshake=is_connecting)


async def _close(client: httpx.AsyncClient, response: httpx.Response | None, stream: RawStream | None) -> None:
    if stream is not None:
        await stream.end()
    if response is not None:
        await response.aclose()
    await client.aclose()
