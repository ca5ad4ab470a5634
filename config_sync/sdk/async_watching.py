"""A watch in an event loop: the same story as `watching`, ended by cancelling it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from config_sync.errors import SyncError
from config_sync.http.failures import StreamSilent
from config_sync.model import ConfigName, ConfigRef
from config_sync.sdk.carriers import AsyncCarrier
from config_sync.sdk.errors import ConfigClientError, client_error
from config_sync.sdk.hearing import Hearing
from config_sync.sdk.options import AsyncOptions
from config_sync.sdk.requests import IDLE_TIMEOUT_S, Answer, Requests
from config_sync.sdk.snapshot import Snapshot
from config_sync.sdk.types import ConfigChangeEvent, parse_event
from config_sync.sdk.watchers import Keeping, callback_failed

T = TypeVar("T")
A = TypeVar("A")

_logger = logging.getLogger("config_sync.sdk")


class AsyncWatcher(Protocol):
    """What is done with a stream: see `config_sync.sdk.watching.Watcher`."""

    async def connected(self, now: float) -> None:
        """The stream is open; or it cannot be had, but the service has answered."""
        ...

    async def heard(self, events: Sequence[str], now: float) -> None:
        """The data of events that came together, at least one."""
        ...

    async def failed(self, error: ConfigClientError) -> None:
        """The stream is lost by an error. It is opened again."""
        ...

    async def act(self) -> float:
        """Do what is due; seconds until there is more to do, `math.inf` for nothing."""
        ...


async def watch(
    carrier: AsyncCarrier,
    requests: Requests,
    hearing: Hearing,
    watcher: AsyncWatcher,
    *,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> None:
    """Keep the stream open and tell `watcher` of it, until cancelled."""
    while True:
        delay_s = await _listen(carrier, requests, hearing, watcher, idle_timeout_s)
        until = time.monotonic() + delay_s
        while (left_s := until - time.monotonic()) > 0:  # noqa: ASYNC110  # the time is what is waited for
            await asyncio.sleep(min(left_s, await watcher.act()))


async def _listen(
    carrier: AsyncCarrier, requests: Requests, hearing: Hearing, watcher: AsyncWatcher, idle_timeout_s: float
) -> float:
    """One stream from its connect to its end: seconds until the next."""
    lived_since: float | None = None
    status: int | None = None
    error: SyncError | None = None
    request = hearing.request()
    try:
        async with carrier.stream(
            request.url,
            requests.headers(request),
            connect_timeout_s=requests.connect_timeout_s,
            idle_timeout_s=idle_timeout_s,
        ) as stream:
            status = stream.status
            error = hearing.judge(request, status, stream.headers)
            if error is None:
                lived_since = time.monotonic()
                await watcher.connected(lived_since)
                await _read(stream.chunks(), hearing, watcher)
    except StreamSilent as silent:
        if lived_since is not None:
            return hearing.pace.after_silence()
        error = silent
    except SyncError as raised:
        error = raised
    if error is not None:
        told = client_error(error, status=None if lived_since is not None else status)
        told.__cause__ = error
        await watcher.failed(told)
        if lived_since is None and status is not None:
            await watcher.connected(time.monotonic())
    lived_s = 0.0 if lived_since is None else time.monotonic() - lived_since
    return hearing.pace.after(error, lived_s=lived_s)


async def _read(chunks: AsyncIterator[bytes], hearing: Hearing, watcher: AsyncWatcher) -> None:
    """To the stream's clean end; what is due is done between two chunks."""
    coming: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(_next(chunks))
            due_s = await watcher.act()
            # A task of its own: a timeout around `anext` would cancel the read, and that ends the stream.
            await asyncio.wait({coming}, timeout=None if due_s == math.inf else due_s)
            if coming.done():
                chunk = coming.result()
                coming = None
                if chunk is None:
                    return
                if events := hearing.feed(chunk):
                    await watcher.heard(events, time.monotonic())
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
            if not coming.cancelled():
                coming.exception()  # looked at: nobody else will


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


class AsyncCallingBack:
    """`AsyncConfigClient.watch`."""

    def __init__(
        self,
        name: ConfigName,
        callback: Callable[[ConfigChangeEvent], Awaitable[None] | None],
        options: AsyncOptions,
    ) -> None:
        self._name = name
        self._callback = callback
        self._options = options

    async def connected(self, now: float) -> None:
        """See `AsyncWatcher`."""

    async def heard(self, events: Sequence[str], now: float) -> None:  # noqa: ARG002
        """See `AsyncWatcher`."""
        for data in events:
            event = parse_event(data)
            if event is None:
                _logger.warning("an event of config %s cannot be read and is skipped", self._name)
                continue
            await _call(self._name, "the callback", self._callback, event)
            await _call(self._name, "on_change", self._options.on_change, str(self._name))

    async def failed(self, error: ConfigClientError) -> None:
        """See `AsyncWatcher`."""
        await _tell(self._name, error, self._options)

    async def act(self) -> float:
        """See `AsyncWatcher`."""
        return math.inf


class AsyncStoring(Generic[T]):
    """`AsyncConfigClient.watch_and_decode`; `fetch` makes one attempt, with the etag of the last answer."""

    def __init__(
        self,
        ref: ConfigRef,
        target: type[T],
        snapshot: Snapshot[T],
        options: AsyncOptions,
        fetch: Callable[[str | None], Awaitable[Answer]],
    ) -> None:
        self._name = ref.name
        self._options = options
        self._fetch = fetch
        self._keeping = Keeping(target, snapshot, options)

    async def connected(self, now: float) -> None:
        """See `AsyncWatcher`."""
        self._keeping.freshness.mark_connected(now)

    async def heard(self, events: Sequence[str], now: float) -> None:
        """See `AsyncWatcher`."""
        self._keeping.heard(events, now)

    async def failed(self, error: ConfigClientError) -> None:
        """See `AsyncWatcher`."""
        await _tell(self._name, error, self._options)

    async def act(self) -> float:
        """Fetch if it is time to."""
        keeping = self._keeping
        if keeping.freshness.due_in(time.monotonic()) > 0:
            return keeping.freshness.due_in(time.monotonic())
        try:
            has_replaced = keeping.take(await self._fetch(keeping.etag), time.monotonic())
        except ConfigClientError as error:
            keeping.failed(error, time.monotonic())
            await _tell(self._name, error, self._options)
        else:
            if has_replaced:
                await _call(self._name, "on_change", self._options.on_change, str(self._name))
        return keeping.freshness.due_in(time.monotonic())


async def _call(name: str, what: str, callback: Callable[[A], Awaitable[None] | None] | None, argument: A) -> None:
    if callback is None:
        return
    try:
        if (coming := callback(argument)) is not None:
            await coming
    except Exception as error:  # noqa: BLE001  # the program's own code, and the watch must go on
        callback_failed(name, what, error)


async def _tell(name: str, error: ConfigClientError, options: AsyncOptions) -> None:
    _logger.warning("the watch of config %s: %s", name, error)
    await _call(name, "on_error", options.on_error, error)
