"""A Config Service for a thousand streams: raw asyncio, documents in memory, so that it is the agent that is measured.

The embedded service needs about as much CPU for a request as the agent does, and reads its whole folder at each change.
This one answers the same three routes from bytes that are ready, counts what it is asked, and notes when each event
leaves. It runs in a thread of the measuring process, which does nothing else meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests.service import KEY

_BASE = "/api/v1/service/configs"
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    sealed: bytes


class FleetService:
    """The configs and who watches them. Everything but `__init__` may be called from the measuring thread."""

    def __init__(self, names: Sequence[str], *, keep_alive_s: float) -> None:
        self.names = tuple(names)
        self.url = ""
        self.asked: Counter[str] = Counter()
        """Requests by kind: ``fetch``, ``watch``, ``list``, ``other``."""
        self._key = EncryptionKey(KEY)
        self._keep_alive_s = keep_alive_s
        self._versions = {name: self._version(name, 0) for name in names}
        self._watching: dict[str, set[asyncio.Transport]] = {name: set() for name in names}
        self._left: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()

    def _version(self, name: str, number: int) -> _Version:
        return _Version(number, encrypt(document(name, number), self._key, number.to_bytes(12, "big")))

    @property
    def watchers(self) -> int:
        """Configs that somebody watches."""
        return sum(map(bool, self._watching.values()))

    def left_at(self, name: str) -> float:
        """time.monotonic when the config's last event was handed to its streams."""
        return self._left[name]

    def change(self, names: Sequence[str], numbers: Sequence[int]) -> None:
        """Give each config each number in turn, with an event each time; returns when all events have left."""
        versions = {name: [self._version(name, number) for number in numbers] for name in names}
        done = threading.Event()

        def act() -> None:
            for position in range(len(numbers)):
                for name in names:
                    self._versions[name] = versions[name][position]
                    self._left[name] = time.monotonic()
                    for transport in self._watching[name]:
                        transport.write(_event(name, versions[name][position].number))
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait()

    # ---- in the loop

    def answer(self, target: str, transport: asyncio.Transport) -> None:
        """One request; `target` is its path."""
        name, _, rest = target.partition("?")[0].removeprefix(_BASE).strip("/").partition("/")
        if target == _BASE:
            self.asked["list"] += 1
            listing = [{"name": one, "is_valid": True} for one in self.names]
            transport.write(_whole("application/json", json.dumps(listing).encode()))
        elif name not in self._versions:
            self.asked["other"] += 1
            transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif rest == "watch":
            self.asked["watch"] += 1
            self._watching[name].add(transport)
            transport.write(_STREAM + _chunk(b": watching\n\n"))
            self._loop.call_later(self._keep_alive_s, self._keep_alive, transport)
        else:
            self.asked["fetch"] += 1
            version = self._versions[name]
            transport.write(_whole("application/octet-stream", version.sealed, version.number))

    def forget(self, transport: asyncio.Transport) -> None:
        """The connection is gone."""
        for watching in self._watching.values():
            watching.discard(transport)

    def _keep_alive(self, transport: asyncio.Transport) -> None:
        if not transport.is_closing():
            transport.write(_chunk(b": keep-alive\n\n"))
            self._loop.call_later(self._keep_alive_s, self._keep_alive, transport)

    @contextlib.contextmanager
    def running(self, tls: ssl.SSLContext | None) -> Iterator[None]:
        """Answers at `url` while inside."""

        async def begin() -> asyncio.Server:
            return await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=tls, backlog=4096)

        server = self._loop.run_until_complete(begin())
        port: int = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}"
        thread = threading.Thread(target=self._loop.run_forever, name="fleet-service", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            server.close()
            for transport in {one for watching in self._watching.values() for one in watching}:
                transport.abort()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()


class _Connection(asyncio.Protocol):
    """One client: requests without a body, one after the other."""

    def __init__(self, service: FleetService) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        assert self._transport is not None
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._service.answer(head.split(b" ", 2)[1].decode(), self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._transport is not None
        self._service.forget(self._transport)


def document(name: str, number: int) -> bytes:
    """The config's content; the agent writes it as it is."""
    return json.dumps({"name": name, "number": number, "hosts": ["a.example", "b.example"]}).encode()


def _whole(media_type: str, body: bytes, version: int | None = None) -> bytes:
    told = "" if version is None else f'ETag: "{version}"\r\nX-Config-Version: {version + 1}\r\n'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n{told}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _event(name: str, number: int) -> bytes:
    data = {"config_name": name, "version": number + 1, "changed_by": 1, "timestamp": "2026-01-01T00:00:00Z"}
    return _chunk(f"event: config_change\ndata: {json.dumps(data)}\n\n".encode())


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
