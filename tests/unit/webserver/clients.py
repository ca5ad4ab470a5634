"""A server on real sockets in this loop, and clients that speak plain bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from config_sync.settings.listen import ListenAddress, TcpAddress, UnixAddress
from config_sync.webserver.answers import Page, Site
from config_sync.webserver.serving import WebServer

SITE = Site(
    health=lambda kind: (True, f"{kind} is well"),
    metrics=lambda: "m 1\n" * 100_000,
    status=lambda: b"{}\n",
    page=lambda: Page("<!DOCTYPE html>", "aGFzaA=="),
)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer, read to the connection's end."""

    head: str
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    @property
    def headers(self) -> dict[str, str]:
        return {
            name.lower(): value for name, _, value in (line.partition(": ") for line in self.head.split("\r\n")[1:])
        }


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
        assert isinstance(port, int)
        return port


async def until_listening(server: WebServer, address: ListenAddress) -> None:
    """Wait until the server answers there."""
    async with asyncio.timeout(60):
        while server.address != address:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(
    address: ListenAddress | None = None, site: Site = SITE
) -> AsyncIterator[tuple[WebServer, ListenAddress]]:
    """A server that answers for the length of the block."""
    address = address or TcpAddress("127.0.0.1", free_port())
    server = WebServer(site, chance=lambda: 0.1)
    async with asyncio.TaskGroup() as tasks:
        server.follow(address, tasks=tasks)
        try:
            await until_listening(server, address)
            yield server, address
        finally:
            server.stop()


async def connect(address: ListenAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One connection."""
    if isinstance(address, UnixAddress):
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(address.host or "127.0.0.1", address.port)


async def send(address: ListenAddress, request: bytes) -> Got:
    """The answer to these bytes."""
    reader, writer = await connect(address)
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            raw = await reader.read()
    finally:
        writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    return Got(head.decode("latin-1"), body)


async def get(address: ListenAddress, path: str, *, method: str = "GET", host: str = "localhost") -> Got:
    """The answer to a request."""
    return await send(address, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
