"""A watch of the SDK in a thread, in each of its four shapes, and a service that is played to it."""

from __future__ import annotations

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

import httpx

from config_sync import (
    AsyncConfigClient,
    AsyncOptions,
    ConfigChangeEvent,
    ConfigClient,
    GetOptions,
    Options,
    Snapshot,
)
from tests.faults import Behaviour, Conversation
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import NO_CAS


def event(version: int = 2, *, name: str = "app", changed_by: int = 7) -> bytes:
    """A change as the service sends it."""
    data = (
        f'{{"config_name":"{name}","version":{version},"changed_by":{changed_by},"timestamp":"2026-01-02T03:04:05Z"}}'
    )
    return f"event: config_change\ndata: {data}\n\n".encode()


def service(*, config: Behaviour, watch: Behaviour) -> Behaviour:
    """One config and its stream."""

    def play(conversation: Conversation) -> bool | None:
        return (watch if conversation.request.target.endswith("/watch") else config)(conversation)

    return play


class Watching:
    """`watch`, or `watch_and_decode` into `target`, of the config ``app``; a context manager that closes it."""

    def __init__(
        self,
        shape: str,
        url: str,
        target: type[object] | None = None,
        *,
        opts: GetOptions | None = None,
        retry_delay: float = 0.0,
        snapshot: Snapshot[object] | None = None,
    ) -> None:
        self.events: list[ConfigChangeEvent] = []
        self.errors: list[Exception] = []
        self.changes: list[str] = []
        self.snapshot: Snapshot[object] = snapshot if snapshot is not None else Snapshot()
        self.raised: BaseException | None = None
        self._shape, self._url, self._target, self._opts, self._delay = shape, url, target, opts, retry_delay
        self._client: ConfigClient | None = None
        self._async: tuple[AsyncConfigClient, asyncio.AbstractEventLoop] | None = None
        self.given = httpx.Client(verify=NO_CAS) if shape == "sync-given" else None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        if not self._shape.startswith("async"):
            self._client = ConfigClient(
                Options(self._url, TOKEN, KEY, self.given, 5.0, 0, self._delay, self.errors.append, self.changes.append)
            )
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self.given is not None:
            assert not self.given.is_closed
            self.given.close()
        if error is None and self.raised is not None:
            raise self.raised

    def close(self) -> float:
        """Close the client; seconds until the watch had returned."""
        began = time.monotonic()
        if self._client is not None:
            self._client.close()
        elif self._async is not None and self.thread.is_alive():
            client, loop = self._async
            asyncio.run_coroutine_threadsafe(client.close(), loop)
        self.thread.join(60)
        assert not self.thread.is_alive()
        return time.monotonic() - began

    def _run(self) -> None:
        try:
            if self._client is None:
                asyncio.run(self._in_loop())
            elif self._target is None:
                self._client.watch("app", self.events.append)
            else:
                self._client.watch_and_decode("app", self._target, self.snapshot, self._opts)
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            self.raised = error

    async def _in_loop(self) -> None:
        given = httpx.AsyncClient(verify=NO_CAS) if self._shape == "async-given" else None
        client = AsyncConfigClient(
            AsyncOptions(self._url, TOKEN, KEY, given, 5.0, 0, self._delay, self.errors.append, self.changes.append)
        )
        self._async = client, asyncio.get_running_loop()
        if self._target is None:
            await client.watch("app", self.events.append)
        else:
            await client.watch_and_decode("app", self._target, self.snapshot, self._opts)
        await client.close()
        if given is not None:
            assert not given.is_closed
            await given.aclose()
