"""Requests and streams through an `httpx.AsyncClient` of the program's own, which is never closed here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from config_sync.http.bodies import CappedBody
from config_sync.http.failures import DeadlinePassed, StreamSilent, fold_headers, origin_of, translate
from config_sync.http.fetching import Response
from config_sync.http.foreign import client_failure, encoded
from config_sync.http.library import httpx

_WAITING = "waiting for the answer"


class AsyncBorrowed:
    """Requests through `client`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int) -> Response:
        """See `AsyncFetcher.get`. The client's own timeouts hold too."""
        stage = _WAITING
        try:
            async with asyncio.timeout(timeout_s) as patience:
                response = await self._send(url, headers, None)
                stage = "reading the body"
                try:
                    found = fold_headers(response.headers.raw)
                    if not 200 <= response.status_code < 300:
                        return Response(response.status_code, found, b"")
                    body = CappedBody(url, found, max_bytes)
                    async for chunk in _chunks(response):
                        body.add(chunk)
                    return Response(response.status_code, found, body.whole())
                finally:
                    await response.aclose()
        except httpx.HTTPStatusError as error:  # a hook of the program that judges by itself: its status counts
            return Response(error.response.status_code, fold_headers(error.response.headers.raw), b"")
        except Exception as error:
            if isinstance(error, TimeoutError) and patience.expired():
                late = DeadlinePassed(f"not done within {timeout_s:g} s")
                raise translate(late, url=url, stage=stage) from None
            raise client_failure(error, url=url, stage=stage, is_answered=stage != _WAITING) from error

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float
    ) -> AsyncIterator[AsyncBorrowedStream]:
        """See `config_sync.http.streaming.open_stream`."""
        # The client's own read timeout would end every quiet stream.
        timeout = httpx.Timeout(
            connect=connect_timeout_s, read=idle_timeout_s, write=connect_timeout_s, pool=connect_timeout_s
        )
        response: httpx.Response | None = None
        try:
            try:
                async with asyncio.timeout(connect_timeout_s + idle_timeout_s):
                    response = await self._send(url, headers, timeout)
            except httpx.HTTPStatusError as error:
                response = error.response
            except Exception as error:
                raise client_failure(error, url=url, stage=_WAITING) from error
            yield AsyncBorrowedStream(response, url, idle_timeout_s)
        finally:
            if response is not None:
                await asyncio.shield(asyncio.ensure_future(response.aclose()))

    async def close(self) -> None:
        """Nothing: the client is its owner's."""

    async def _send(self, url: str, headers: Mapping[str, str], limits: httpx.Timeout | None) -> httpx.Response:
        request = self._client.build_request("GET", url, headers=encoded(headers))
        if limits is not None:
            request.extensions["timeout"] = limits.as_dict()
        # Never followed: the token's header would travel along.
        return await self._client.send(request, stream=True, follow_redirects=False)


class AsyncBorrowedStream:
    """An open response. `headers` have lower-case names."""

    def __init__(self, response: httpx.Response, url: str, idle_timeout_s: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = fold_headers(response.headers.raw)
        self._response = response
        self._url = url
        self._idle_timeout_s = idle_timeout_s

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `config_sync.http.streaming.RawStream.chunks`."""
        try:
            async for chunk in _chunks(self._response):
                yield chunk
        except httpx.ReadTimeout as error:
            raise StreamSilent(
                f"{origin_of(self._url)}: the stream was silent for {self._idle_timeout_s:g} s"
            ) from error
        except Exception as error:
            raise client_failure(error, url=self._url, stage="the stream broke off", is_answered=True) from error


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:
        yield response.content
        return
    async for chunk in response.aiter_raw():
        yield chunk
