"""The same client for asyncio: `AsyncConfigClient`."""

from __future__ import annotations

import asyncio
import builtins
import os
import random
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, overload

from config_sync.errors import SyncError
from config_sync.model import ConfigRef
from config_sync.sdk.async_watching import AsyncCallingBack, AsyncStoring, AsyncWatcher, watch
from config_sync.sdk.carriers import AsyncCarrier, async_carrier_for
from config_sync.sdk.errors import client_error, closed
from config_sync.sdk.hearing import Hearing
from config_sync.sdk.options import AsyncOptions, GetOptions, config_ref, from_environment
from config_sync.sdk.options import config_name as _name
from config_sync.sdk.pacing import Pace
from config_sync.sdk.requests import MAX_BYTES, Answer, Request, Requests, Tries, answer_of, unmarshal
from config_sync.sdk.snapshot import Snapshot
from config_sync.sdk.types import ConfigChangeEvent, ConfigInfo, Format

if TYPE_CHECKING:
    from config_sync.http.fetching import Response

T = TypeVar("T")


class AsyncConfigClient:
    """Reads and watches the configs of one Config Service, in one event loop.

    The methods are those of `ConfigClient`, as coroutines; cancelling one ends it at once and leaves the client whole.
    Callbacks may be plain functions or coroutine functions. Only `ConfigClientError` and its subclasses are raised.
    """

    def __init__(self, opts: AsyncOptions) -> None:
        """Connects to nothing yet. Raises ConfigClientError for options that are invalid by now."""
        self._options = opts
        self._requests = Requests(opts)
        self._carrier: AsyncCarrier = async_carrier_for(opts, self._requests)
        self._running: set[asyncio.Task[object]] = set()
        self._is_closed = False

    @classmethod
    def from_env(cls) -> Self:
        """A client from ``CONFIG_SERVICE_HOST``, ``CONFIG_SERVICE_TOKEN`` and ``CONFIG_SERVICE_KEY``.

        Raises:
            ConfigClientError: one is missing, empty or invalid.
        """
        given = from_environment(os.environ)
        return cls(AsyncOptions(given["host"], given["service_token"], given["encryption_key"]))

    async def close(self) -> None:
        """End every call and every watch, at once, and let go of the connections. May be called again.

        A watch returns; any other call raises ConfigClientError. A given `http_client` stays open.
        """
        self._is_closed = True
        mine = asyncio.current_task()
        others = {task for task in self._running if task is not mine}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)
        await self._carrier.close()
        if mine is not None and mine in self._running:  # a callback of a watch closes the client: its turn comes last
            mine.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options.host!r})"

    @overload
    async def get(
        self, config_name: str, target_type: type[dict[str, object]], opts: GetOptions | None = None
    ) -> dict[str, object]: ...
    @overload
    async def get(self, config_name: str, target_type: type[T], opts: GetOptions | None = None) -> T: ...
    async def get(self, config_name: str, target_type: type[T], opts: GetOptions | None = None) -> T:
        """A config as `target_type`. Raises as `ConfigClient.get`."""
        return unmarshal(await self.get_bytes(config_name, opts), target_type)

    async def get_raw(self, config_name: str, opts: GetOptions | None = None) -> dict[str, object]:
        """A config as plain JSON values. Raises as `get`; UnmarshalError where the document is no object."""
        return await self.get(config_name, dict, opts)

    async def get_bytes(self, config_name: str, opts: GetOptions | None = None) -> bytes:
        """A config's decrypted bytes, as stored, not looked at. Raises as `get`, save UnmarshalError."""
        request = self._requests.config(config_ref(config_name, opts))
        return self._requests.open((await self._ask(request)).body)

    async def get_formatted(self, config_name: str, fmt: Format) -> bytes:
        """A config in plain text, as the service renders it; nothing is decrypted. Raises as `get_bytes`."""
        return (await self._ask(self._requests.formatted(_name(config_name), fmt))).body

    async def list(self) -> builtins.list[ConfigInfo]:
        """What the token may read, in the service's order. Raises as `get_bytes`."""
        request = self._requests.listing()
        return self._requests.entries(await self._ask(request), request)

    async def watch(self, config_name: str, callback: Callable[[ConfigChangeEvent], Awaitable[None] | None]) -> None:
        """Call back for every change event of a config, until `close`; then it returns. See `ConfigClient.watch`.

        Raises:
            ConfigClientError: the name is invalid.
        """
        name = _name(config_name)
        await self._watch(Hearing(self._requests, name, self._pace()), AsyncCallingBack(name, callback, self._options))

    async def watch_and_decode(
        self, config_name: str, target_type: type[T], snapshot: Snapshot[T], opts: GetOptions | None = None
    ) -> None:
        """Keep `snapshot` current, until `close`; then it returns. See `ConfigClient.watch_and_decode`.

        Raises:
            ConfigClientError: the name or an option is invalid.
        """
        ref = config_ref(config_name, opts)
        storing = AsyncStoring(ref, target_type, snapshot, self._options, lambda etag: self._fetch(ref, etag))
        await self._watch(Hearing(self._requests, ref.name, self._pace()), storing)

    async def _watch(self, hearing: Hearing, watcher: AsyncWatcher) -> None:
        if not self._is_closed:
            await self._until_closed(watch(self._carrier, self._requests, hearing, watcher))

    def _pace(self) -> Pace:
        return Pace(self._options.retry_delay, random.random)

    async def _fetch(self, ref: ConfigRef, etag: str | None) -> Answer:
        """One attempt. Raises ConfigClientError."""
        request = self._requests.config(ref, etag)
        status: int | None = None
        try:
            response = await self._once(request)
            status = response.status
            error = self._requests.judge(request, status, response.headers)
        except SyncError as raised:
            error = raised
        if error is not None:
            raise client_error(error, status=status) from error
        return answer_of(self._requests, response)

    async def _ask(self, request: Request) -> Response:
        if self._is_closed:
            raise closed()
        found = await self._until_closed(self._try(request))
        if found is None:
            raise closed()
        return found

    async def _try(self, request: Request) -> Response:
        tries = Tries(self._options)
        while True:
            status: int | None = None
            try:
                response = await self._once(request)
                status = response.status
                error = self._requests.judge(request, status, response.headers)
                if error is None:
                    return response
            except SyncError as raised:
                error = raised
            delay_s = tries.delay_after(error)
            if delay_s is None:
                raise client_error(error, status=status, tries=tries.made) from error
            await asyncio.sleep(delay_s)

    async def _once(self, request: Request) -> Response:
        return await self._carrier.get(
            request.url,
            self._requests.headers(request),
            timeout_s=self._requests.timeout_s,
            max_bytes=MAX_BYTES,
        )

    async def _until_closed(self, work: Coroutine[None, None, T]) -> T | None:
        """What the work gives, None where `close` ended it. Cancelling the caller cancels it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # looked at: nobody else will
            raise
        finally:
            self._running.discard(task)
        return None if task.cancelled() else task.result()
