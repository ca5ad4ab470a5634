"""The server over real sockets: what it answers, what it bears, and how it comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest

from config_sync.model import AbsolutePath
from config_sync.settings.listen import TcpAddress, UnixAddress
from config_sync.webserver.answers import Site
from config_sync.webserver.connection import HEAD_S, MAX_HEAD, MAX_OPEN
from config_sync.webserver.serving import WebServer
from tests.unit.webserver.clients import SITE, connect, free_port, get, send, serving, until_listening
from tests.virtual_clock import run


def test_a_request_is_answered_and_the_connection_closed() -> None:
    async def scenario() -> None:
        async with serving() as (_, address):
            got = await get(address, "/livez", host="anything.example")
            assert (got.status, got.body) == (200, b"live is well\n")
            assert got.headers["connection"] == "close"
            assert got.headers["cache-control"] == "no-store"
            assert got.headers["x-content-type-options"] == "nosniff"
            assert got.headers["content-type"] == "text/plain; charset=utf-8"
            assert not {"set-cookie", "server"} & set(got.headers)

    asyncio.run(scenario())


def test_head_has_the_length_and_no_body() -> None:
    async def scenario() -> None:
        async with serving() as (_, address):
            whole = await get(address, "/metrics")
            got = await get(address, "/metrics", method="HEAD")
            assert got.body == b""
            assert int(got.headers["content-length"]) == len(whole.body) == 400_000

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        (b"GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /" + b"x" * 2 * MAX_HEAD + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X-Y: z\r\n" * MAX_HEAD, 431),
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET / HTTP/1.0\r\n\r\n", 403),
        (b"GET /status HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 403),
    ],
)  # fmt: skip
def test_any_bytes_get_one_answer_of_one_line(request_: bytes, status: int) -> None:
    async def scenario() -> None:
        async with serving() as (_, address):
            got = await send(address, request_)
            assert got.status == status
            assert got.head.count("HTTP/1.1 ") == 1
            assert got.body.count(b"\n") == 1
            assert (await get(address, "/livez")).status == 200

    asyncio.run(scenario())


def test_a_request_may_come_in_single_bytes_and_end_half_closed() -> None:
    async def scenario() -> None:
        async with serving() as (_, address):
            reader, writer = await connect(address)
            for byte in b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n":
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            assert (await reader.read()).endswith(b"ready is well\n")
            writer.close()

    asyncio.run(scenario())


def test_who_sends_no_whole_request_is_let_go_after_a_while(tmp_path: Path) -> None:
    async def scenario() -> None:
        address = UnixAddress(AbsolutePath(str(tmp_path / "s")))
        async with serving(address):
            loop = asyncio.get_running_loop()
            reader, writer = await connect(address)
            begun = loop.time()
            for _ in range(20):  # a byte now and then changes nothing
                writer.write(b"G")
                await asyncio.sleep(HEAD_S / 40)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert loop.time() - begun <= HEAD_S + 1
            writer.close()

    run(scenario())


def test_who_does_not_read_the_answer_is_let_go_after_a_while(tmp_path: Path) -> None:
    async def scenario() -> None:
        address = UnixAddress(AbsolutePath(str(tmp_path / "s")))
        async with serving(address):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.connect(address.path)
                peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
                peer.setblocking(False)
                await asyncio.sleep(60)
                read = 0
                with contextlib.suppress(ConnectionError):
                    while chunk := peer.recv(1_000_000):  # what the kernel held; then the end, not "later"
                        read += len(chunk)
                assert read < 400_000

    run(scenario())


def test_a_probe_is_answered_beside_a_thousand_idle_connections(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(UnixAddress(AbsolutePath(str(tmp_path / "s")))) as (_, address):
            async with contextlib.AsyncExitStack() as held:
                readers = []
                for _ in range(1000):
                    reader, writer = await connect(address)
                    held.callback(writer.close)
                    readers.append(reader)
                for _ in range(10):
                    assert (await get(address, "/livez")).status == 200
                async with asyncio.timeout(60):
                    while sum(map(_is_over, readers)) < 1000 - MAX_OPEN:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                assert not _is_over(readers[-1])  # the newest may yet ask

    asyncio.run(scenario())


def _is_over(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


def test_a_unix_socket_takes_the_place_of_a_dead_ones_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "web" / "s"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def scenario() -> None:
        async with serving(UnixAddress(AbsolutePath(str(path)))) as (_, address):
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
            assert (await get(address, "/")).status == 200
        assert not os.path.lexists(path)

    asyncio.run(scenario())


def test_a_file_in_the_sockets_place_is_not_removed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s"
    path.write_text("precious")

    async def scenario() -> None:
        server = WebServer(SITE, chance=lambda: 0.1)
        async with asyncio.TaskGroup() as tasks:
            server.follow(UnixAddress(AbsolutePath(str(path))), tasks=tasks)
            await asyncio.sleep(5)
            assert server.address is None
            server.stop()

    run(scenario())
    assert path.read_text() == "precious"


def test_the_old_address_stays_until_the_new_one_can_be_had(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = TcpAddress("127.0.0.1", other.getsockname()[1])
            server = WebServer(SITE, chance=lambda: 0.1)
            before = TcpAddress("127.0.0.1", free_port())
            async with asyncio.TaskGroup() as tasks:
                server.follow(before, tasks=tasks)
                await until_listening(server, before)
                server.follow(taken, tasks=tasks)
                await asyncio.sleep(0.05)
                assert server.address == before
                assert (await get(before, "/livez")).status == 200
                other.close()
                await until_listening(server, taken)
                assert (await get(taken, "/livez")).status == 200
                with pytest.raises(ConnectionRefusedError):
                    await get(before, "/livez")
                server.follow(None, tasks=tasks)
                with pytest.raises(ConnectionRefusedError):
                    await get(taken, "/livez")

    asyncio.run(scenario())


def test_every_address_is_this_machine_by_either_protocol() -> None:
    async def scenario() -> None:
        async with serving(TcpAddress(None, free_port())) as (_, address):
            assert (await get(address, "/status", host="127.0.0.1")).status == 200

    asyncio.run(scenario())


def test_a_bug_in_one_answer_ends_no_other() -> None:
    def broken() -> str:
        raise ValueError("secret")

    async def scenario() -> None:
        site = Site(health=SITE.health, metrics=broken, status=SITE.status, page=SITE.page)
        async with serving(site=site) as (_, address):
            got = await get(address, "/metrics")
            assert got.status == 500
            assert b"secret" not in got.body
            assert (await get(address, "/livez")).status == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("is_wider", [True, False], ids=["wider", "narrower"])
def test_the_same_port_on_other_interfaces_takes_effect(is_wider: bool) -> None:
    port = free_port()
    here, everywhere = TcpAddress("127.0.0.1", port), TcpAddress(None, port)
    first, second = (here, everywhere) if is_wider else (everywhere, here)

    async def scenario() -> None:
        server = WebServer(SITE, chance=lambda: 0.1)
        async with asyncio.TaskGroup() as tasks:
            server.follow(first, tasks=tasks)
            try:
                await until_listening(server, first)
                server.follow(second, tasks=tasks)
                await until_listening(server, second)
                assert (await get(here, "/livez")).status == 200
            finally:
                server.stop()

    asyncio.run(scenario())
