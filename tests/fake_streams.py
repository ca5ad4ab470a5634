"""Change streams in memory: each connect gets the next scripted answer, each open stream is driven by the test."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from config_sync.client.streams import WatchNotOffered
from config_sync.errors import Forbidden, NotFound, ServiceUnavailable, SyncError, TlsFailed, Unauthorized
from config_sync.model import ConfigRef


class FakeStream:
    """One open stream; what is pushed before anybody reads waits."""

    def __init__(self, ref: ConfigRef) -> None:
        self.ref = ref
        self.is_closed = False
        self._queue: asyncio.Queue[bytes | SyncError | None] = asyncio.Queue()

    def push(self, chunk: bytes) -> None:
        """Bytes, as one chunk."""
        self._queue.put_nowait(chunk)

    def comment(self) -> None:
        """A keep-alive."""
        self.push(b": ka\n\n")

    def change(self, version: int, *, event_id: str | None = None) -> None:
        """An event of the protocol."""
        said = {
            "config_name": str(self.ref.name),
            "version": version,
            "changed_by": 7,
            "timestamp": "2026-03-01T10:00:00.123456789Z",
        }
        head = f"id: {event_id}\n" if event_id is not None else ""
        self.push(f"{head}event: config_changed\ndata: {json.dumps(said)}\n\n".encode())

    def end(self) -> None:
        """A clean end."""
        self._queue.put_nowait(None)

    def fail(self, error: SyncError | None = None) -> None:
        """The connection breaks."""
        self._queue.put_nowait(error or ServiceUnavailable("the stream broke: Connection reset by peer"))

    async def chunks(self) -> AsyncIterator[bytes]:
        """What was pushed, until the end or the failure."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, SyncError):
                raise item
            yield item


Answer: TypeAlias = Callable[[FakeStream], None]
"""What a connect meets: it may push to the stream, end it, or raise the error with which the open fails."""


def live(stream: FakeStream) -> None:
    """Accepted; whatever comes, the test pushes it. Unless it does, the stream is silent."""


def ending(stream: FakeStream) -> None:
    """Accepted and ended at once."""
    stream.end()


def refusing(stream: FakeStream) -> None:
    """Nobody listens."""
    raise ServiceUnavailable("the service cannot be reached: Connection refused")


def unavailable(retry_after_s: float | None = None) -> Answer:
    """503, perhaps with a ``Retry-After``."""

    def answer(stream: FakeStream) -> None:
        raise ServiceUnavailable("503 Service Unavailable", retry_after_s=retry_after_s)

    return answer


def refused(status: int) -> Answer:
    """401, 403, 404, or 525 for a failed TLS handshake."""

    def answer(stream: FakeStream) -> None:
        match status:
            case 401:
                raise Unauthorized("401 Unauthorized", hint="check the token")
            case 403:
                raise Forbidden("403 Forbidden")
            case 404:
                raise NotFound("404 Not Found")
            case _:
                raise TlsFailed("the TLS handshake failed")

    return answer


def not_offered(stream: FakeStream) -> None:
    """204: no streams here."""
    raise WatchNotOffered("the service answers 204: it offers none")


def sending(*chunks: bytes, then_end: bool = False) -> Answer:
    """Accepted, these bytes at once, then silence or a clean end."""

    def answer(stream: FakeStream) -> None:
        for chunk in chunks:
            stream.push(chunk)
        if then_end:
            stream.end()

    return answer


@dataclass
class Connect:
    """One connect as the server saw it; `at` is the loop's time, `stream` None where it was refused."""

    ref: ConfigRef
    last_event_id: str | None
    at: float
    stream: FakeStream | None = None


@dataclass
class FakeStreams:
    """A `Streams`: the scripted answers in order, then `otherwise` for ever; each takes `latency_s`."""

    answers: deque[Answer] = field(default_factory=deque)
    otherwise: Answer = live
    latency_s: float = 0.001
    connects: list[Connect] = field(default_factory=list)
    connecting: int = 0
    peak_connecting: int = 0
    open_streams: set[FakeStream] = field(default_factory=set)

    def then(self, *answers: Answer) -> FakeStreams:
        """Add answers to the script."""
        self.answers.extend(answers)
        return self

    @property
    def stream(self) -> FakeStream:
        """The newest open stream."""
        for connect in reversed(self.connects):
            if connect.stream is not None and not connect.stream.is_closed:
                return connect.stream
        raise AssertionError("no stream is open")

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between the connects."""
        return [later.at - earlier.at for earlier, later in itertools.pairwise(self.connects)]

    def open(self, ref: ConfigRef, last_event_id: str | None = None) -> AbstractAsyncContextManager[FakeStream]:
        """See `config_sync.client.streams.Streams`."""
        return self._open(ref, last_event_id)

    @contextlib.asynccontextmanager
    async def _open(self, ref: ConfigRef, last_event_id: str | None) -> AsyncIterator[FakeStream]:
        connect = Connect(ref, last_event_id, asyncio.get_running_loop().time())
        self.connects.append(connect)
        self.connecting += 1
        self.peak_connecting = max(self.peak_connecting, self.connecting)
        try:
            await asyncio.sleep(self.latency_s)
            stream = FakeStream(ref)
            (self.answers.popleft() if self.answers else self.otherwise)(stream)
        finally:
            self.connecting -= 1
        connect.stream = stream
        self.open_streams.add(stream)
        try:
            yield stream
        finally:
            stream.is_closed = True
            self.open_streams.discard(stream)
