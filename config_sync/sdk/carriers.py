"""What carries requests: our own connections, or a client of the program's. The two seams under the two clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from config_sync.http.tls import Tls
from config_sync.sdk.options import AsyncOptions, Options
from config_sync.sdk.requests import Requests
from config_sync.stop import Stop

if TYPE_CHECKING:
    from config_sync.http.fetching import Response


class OpenStream(Protocol):
    """An open response that has no end."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    def chunks(self, meanwhile: Callable[[], float]) -> Iterator[bytes]:
        """See `config_sync.http.listening.Listening.chunks`."""
        ...


class Carrier(Protocol):
    """For threads: every wait ends at the stop."""

    def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int, stop: Stop) -> Response:
        """See `config_sync.http.fetching.Fetcher.get`."""
        ...

    def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float, stop: Stop
    ) -> AbstractContextManager[OpenStream]:
        """See `config_sync.http.listening.listening`."""
        ...

    def close(self) -> None:
        """Let go of what is ours."""
        ...


class AsyncOpenStream(Protocol):
    """An open response that has no end."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """See `config_sync.http.streaming.RawStream.chunks`."""
        ...


class AsyncCarrier(Protocol):
    """For asyncio: every wait ends when it is cancelled."""

    async def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int) -> Response:
        """See `config_sync.http.async_fetching.AsyncFetcher.get`."""
        ...

    def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncOpenStream]:
        """See `config_sync.http.streaming.open_stream`."""
        ...

    async def close(self) -> None:
        """Let go of what is ours."""
        ...


class _Own:
    """Connections of our own: eight for requests, one more for each stream. Imports httpcore."""

    def __init__(self, tls: Tls, connect_timeout_s: float) -> None:
        from config_sync.http.fetching import Fetcher  # 40 ms and more, which a given client need not pay

        self._tls = tls
        self._fetcher = Fetcher(tls, connect_timeout_s=connect_timeout_s)
        self.get = self._fetcher.get
        self.close = self._fetcher.close

    def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float, stop: Stop
    ) -> AbstractContextManager[OpenStream]:
        from config_sync.http.listening import listening

        return listening(
            url,
            headers,
            tls=self._tls,
            connect_timeout_s=connect_timeout_s,
            idle_timeout_s=idle_timeout_s,
            stop=stop,
        )


class _AsyncOwn:
    """The same in an event loop. Imports httpx with the first stream."""

    def __init__(self, tls: Tls, connect_timeout_s: float) -> None:
        from config_sync.http.async_fetching import AsyncFetcher  # asyncio and anyio: not for synchronous programs

        self._tls = tls
        self._fetcher = AsyncFetcher(tls, connect_timeout_s=connect_timeout_s)
        self.get = self._fetcher.get
        self.close = self._fetcher.close

    def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float
    ) -> AbstractAsyncContextManager[AsyncOpenStream]:
        from config_sync.http.streaming import open_stream  # brings httpx along

        return open_stream(
            url, headers, tls=self._tls, connect_timeout_s=connect_timeout_s, idle_timeout_s=idle_timeout_s
        )


def carrier_for(options: Options, requests: Requests) -> Carrier:
    """The given client, or connections of our own."""
    if options.http_client is None:
        return _Own(requests.tls, requests.connect_timeout_s)
    from config_sync.http.borrowed import Borrowed  # whoever gives a client has imported httpx

    return Borrowed(options.http_client)


def async_carrier_for(options: AsyncOptions, requests: Requests) -> AsyncCarrier:
    """The given client, or connections of our own."""
    if options.http_client is None:
        return _AsyncOwn(requests.tls, requests.connect_timeout_s)
    from config_sync.http.async_borrowed import AsyncBorrowed

    return AsyncBorrowed(options.http_client)
