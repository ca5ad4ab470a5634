"""An endless response on a connection of its own; over real loopback sockets and a real event loop."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from config_sync.errors import ServiceError, ServiceUnavailable, TlsFailed, UnexpectedResponse
from config_sync.http.failures import StreamSilent
from config_sync.http.streaming import RawStream, open_stream
from config_sync.http.tls import Tls
from tests import faults
from tests.faults import FaultServer, answer, stream
from tests.waiting import eventually


def opened(
    server: FaultServer, *, tls: Tls | None = None, idle_timeout_s: float = 5.0, headers: dict[str, str] | None = None
) -> AbstractAsyncContextManager[RawStream]:
    return open_stream(
        server.url + "/watch",
        headers or {},
        tls=tls or Tls(),
        connect_timeout_s=2.0,
        idle_timeout_s=idle_timeout_s,
    )


async def read_all(server: FaultServer, *, tls: Tls | None = None, idle_timeout_s: float = 5.0) -> bytes:
    async with opened(server, tls=tls, idle_timeout_s=idle_timeout_s) as raw:
        return b"".join([chunk async for chunk in raw.chunks()])


def test_the_bytes_come_as_they_are_and_the_end_is_the_servers() -> None:
    with FaultServer(stream(b"data: 1\n\n", b": c\n", b"data: 2\n\n")) as server:
        assert asyncio.run(read_all(server)) == b"data: 1\n\n: c\ndata: 2\n\n"
        eventually(lambda: server.open_connections == 0)


def test_a_chunk_is_there_before_the_next_one_is_sent() -> None:
    async def first_chunk(server: FaultServer) -> bytes:
        async with opened(server) as raw:
            return await anext(raw.chunks())

    with FaultServer(stream(b"data: 1\n\n", then=faults.half_open)) as server:
        assert asyncio.run(first_chunk(server)) == b"data: 1\n\n"
        eventually(lambda: server.open_connections == 0)


def test_silence_ends_the_stream_after_the_idle_timeout() -> None:
    with FaultServer(stream(b": hello\n", then=faults.half_open)) as server:
        began = time.monotonic()
        with pytest.raises(StreamSilent, match=r"silent for 1\.5 s"):
            asyncio.run(read_all(server, idle_timeout_s=1.5))
        assert 1.5 <= time.monotonic() - began < 30


def test_comments_keep_a_stream_up_beyond_the_idle_timeout() -> None:
    def comments(conversation: faults.Conversation) -> None:
        for _ in range(12):
            conversation.over.wait(0.25)
            conversation.send(b"2\r\n:\n\r\n")
        conversation.send(b"0\r\n\r\n")

    with FaultServer(stream(then=comments)) as server:
        began = time.monotonic()
        assert asyncio.run(read_all(server, idle_timeout_s=1.5)) == b":\n" * 12
        assert time.monotonic() - began > 1.5


@pytest.mark.parametrize(
    ("then", "says"),
    [(faults.reset, "Connection reset by peer"), (faults.hang_up, "broke off")],
    ids=["reset", "cut-chunk"],
)
def test_a_stream_that_breaks_off_is_no_clean_end(then: faults.Behaviour, says: str) -> None:
    with FaultServer(stream(b": hello\n", then=then)) as server:
        with pytest.raises(ServiceUnavailable, match=says) as caught:
            asyncio.run(read_all(server))
    assert not isinstance(caught.value, StreamSilent)


@pytest.mark.parametrize(
    ("behaviour", "error", "says"),
    [
        (faults.reset, ServiceUnavailable, "waiting for the answer: Connection reset by peer"),
        (faults.hang_up, ServiceUnavailable, "broke off"),
        (faults.half_open, ServiceUnavailable, "waiting for the answer: timed out"),
        (faults.garbage, UnexpectedResponse, "is not HTTP"),
    ],
    ids=["reset", "hung-up", "silence", "garbage"],
)
def test_no_answer_is_an_error_of_its_class(behaviour: faults.Behaviour, error: type[ServiceError], says: str) -> None:
    with FaultServer(behaviour) as server:
        with pytest.raises(error, match=says) as caught:
            asyncio.run(read_all(server, idle_timeout_s=1.5))
    assert "SECRET-CANARY" not in caught.value.message


def test_headers_that_drip_for_ever_end_too() -> None:
    async def read(server: FaultServer) -> None:
        async with open_stream(server.url, {}, tls=Tls(), connect_timeout_s=1.0, idle_timeout_s=1.5):
            pass

    with FaultServer(faults.drip_headers()) as server:
        with pytest.raises(ServiceUnavailable, match="waiting for the answer: timed out"):
            asyncio.run(read(server))


def test_a_refused_connect_says_so() -> None:
    async def read(url: str) -> None:
        async with open_stream(url, {}, tls=Tls(), connect_timeout_s=1, idle_timeout_s=1):
            pass

    with faults.refused_port() as port:
        with pytest.raises(ServiceUnavailable, match=rf"127\.0\.0\.1:{port}: connecting: Connection refused"):
            asyncio.run(read(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("status", [204, 302, 401, 500], ids=str)
def test_every_status_is_handed_on(status: int) -> None:
    async def status_of(server: FaultServer) -> int:
        async with opened(server) as raw:
            return raw.status

    with FaultServer(answer(status, b"", Location="http://127.0.0.1:1/", X_Two="2")) as server:
        assert asyncio.run(status_of(server)) == status


def test_cancelling_ends_a_silent_stream_at_once_and_closes_its_connection() -> None:
    async def cancelled(server: FaultServer) -> float:
        reading = asyncio.create_task(read_all(server, idle_timeout_s=60))
        await asyncio.to_thread(eventually, lambda: server.requests)
        began = time.monotonic()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return time.monotonic() - began

    with FaultServer(stream(b": hello\n", then=faults.half_open)) as server:
        assert asyncio.run(cancelled(server)) < 10
        eventually(lambda: server.open_connections == 0)


def test_after_two_hundred_cancelled_streams_a_good_one_works() -> None:
    async def many(server: FaultServer) -> bytes:
        reading = [asyncio.create_task(read_all(server, idle_timeout_s=60)) for _ in range(200)]
        await asyncio.sleep(0.05)  # some are connecting, some are open
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        server.behaviour = stream(b"good")
        return await read_all(server)

    with FaultServer(stream(b": hello\n", then=faults.half_open)) as server:
        assert asyncio.run(many(server)) == b"good"
        eventually(lambda: server.open_connections == 0)


def test_a_hundred_streams_at_once_each_get_their_bytes() -> None:
    async def one(server: FaultServer) -> AsyncIterator[bytes]:
        async with opened(server) as raw:
            async for chunk in raw.chunks():
                yield chunk

    async def many(server: FaultServer) -> list[bytes]:
        streams = [one(server) for _ in range(100)]
        firsts = await asyncio.gather(*(anext(each) for each in streams))
        for each in streams:
            await each.aclose()  # type: ignore[attr-defined]
        return firsts

    with FaultServer(stream(b"data: 1\n\n", then=faults.half_open)) as server:
        assert asyncio.run(many(server)) == [b"data: 1\n\n"] * 100
        assert server.connections == 100
        eventually(lambda: server.open_connections == 0)


def test_a_stream_over_tls_with_a_private_ca(ca_file: Path, good_tls: ssl.SSLContext) -> None:
    with FaultServer(stream(b"data: 1\n\n"), tls=good_tls) as server:
        assert asyncio.run(read_all(server, tls=Tls(str(ca_file)))) == b"data: 1\n\n"


@pytest.mark.parametrize(
    ("served", "says"),
    [("expired_tls", "has expired"), ("other_name_tls", "Hostname mismatch")],
    ids=["expired", "wrong-host"],
)
def test_a_certificate_that_does_not_hold_is_refused(
    ca_file: Path, served: str, says: str, request: pytest.FixtureRequest
) -> None:
    context: ssl.SSLContext = request.getfixturevalue(served)
    with FaultServer(stream(b"data: 1\n\n"), tls=context) as server:
        with pytest.raises(TlsFailed, match=says):
            asyncio.run(read_all(server, tls=Tls(str(ca_file))))
    assert server.requests == []


def test_an_unknown_ca_is_refused(good_tls: ssl.SSLContext) -> None:
    with FaultServer(stream(b"data: 1\n\n"), tls=good_tls) as server:
        with pytest.raises(TlsFailed) as caught:
            asyncio.run(read_all(server))
    assert caught.value.hint is not None
    assert "service.ca_file" in caught.value.hint


def test_the_kernel_probes_an_idle_stream() -> None:
    def has_keepalive(port: int) -> bool:
        # Column 6 begins with the pending timer; 02 is keep-alive (proc_net_tcp.txt of the kernel).
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[2] == f"0100007F:{port:04X}" and row[3] == "01" and row[5].startswith("02:") for row in rows)

    async def look(server: FaultServer) -> bool:
        async with opened(server) as raw:
            await anext(raw.chunks())
            return await asyncio.to_thread(eventually, lambda: has_keepalive(server.port))

    with FaultServer(stream(b": hello\n", then=faults.half_open)) as server:
        assert asyncio.run(look(server))


def test_nothing_of_a_stream_reaches_a_log_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    async def read(server: FaultServer) -> None:
        async with opened(server, headers={"X-Service-Token": "SECRET-CANARY"}) as raw:
            async for _ in raw.chunks():
                pass

    caplog.set_level(logging.DEBUG)
    with FaultServer(stream(b"SECRET-CANARY")) as server:
        asyncio.run(read(server))
    assert "SECRET-CANARY" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("http")]


def test_streams_do_not_bring_the_command_line_of_httpx_along() -> None:
    program = (
        "import sys, config_sync.http.streaming\n"
        "print(*(name for name in ('rich', 'click', 'pygments', 'httpx._main') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_fetches_do_not_bring_httpx_along() -> None:
    program = (
        "import sys, config_sync.client\nprint(*(name for name in ('rich', 'click', 'httpx') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
