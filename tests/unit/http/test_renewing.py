"""What is behind TLS is replaced while a stream connects: it is left once for the new content, and not again."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trustme

from config_sync.errors import ServiceUnavailable
from config_sync.http.failures import StreamRenewed
from config_sync.http.streaming import RawStream, open_stream
from config_sync.http.tls import Tls
from tests import faults
from tests.faults import Conversation, FaultServer, stream
from tests.waiting import eventually

LONG_S = 120.0


class Renewed:
    """A server whose head waits for `may_answer`, and a CA file that gets a second CA."""

    def __init__(self, directory: Path, authority: trustme.CA) -> None:
        self.may_answer = threading.Event()
        self._path = directory / "ca.pem"
        self._content = authority.cert_pem.bytes()
        self._path.write_bytes(self._content)
        self.tls = Tls(str(self._path))

    def renew(self) -> None:
        """The file has other content, and a fetch notices it."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(self._content + trustme.CA().cert_pem.bytes())
        fresh.replace(self._path)
        before = self.tls.context()
        assert self.tls.context() is before

    def play(self, conversation: Conversation) -> bool | None:
        self.may_answer.wait(LONG_S)
        return stream(b": hello\n\n", then=faults.half_open)(conversation)


def opening(renewed: Renewed, server: FaultServer) -> AbstractAsyncContextManager[RawStream]:
    return open_stream(server.url, {}, tls=renewed.tls, connect_timeout_s=LONG_S, idle_timeout_s=LONG_S)


async def read(stream: RawStream) -> str:
    """How it ends."""
    try:
        async for _ in stream.chunks():
            pass
    except StreamRenewed:
        return "left"
    except ServiceUnavailable:
        return "broken"
    return "ended"


@pytest.fixture
def renewed(tmp_path: Path, authority: trustme.CA) -> Renewed:
    return Renewed(tmp_path, authority)


def test_a_stream_that_connects_while_the_files_change_gets_its_answer_and_is_left_once(
    renewed: Renewed, good_tls: ssl.SSLContext
) -> None:
    async def follow(server: FaultServer) -> str:
        async with opening(renewed, server) as opened:
            assert opened.status == 200
            return await read(opened)

    async def story(server: FaultServer) -> None:
        loop = asyncio.get_running_loop()
        following = asyncio.create_task(follow(server))
        await loop.run_in_executor(None, eventually, lambda: server.requests)
        renewed.renew()
        renewed.may_answer.set()
        assert await asyncio.wait_for(following, LONG_S) == "left"
        async with opening(renewed, server) as again:
            reading = asyncio.create_task(read(again))
            renewed.tls.context()  # as the next fetch does: nothing has changed since
            for _ in range(100):
                await asyncio.sleep(0)
            assert not reading.done()
            server.break_off()
            assert await asyncio.wait_for(reading, LONG_S) == "broken"

    with FaultServer(renewed.play, tls=good_tls) as server:
        asyncio.run(story(server))


def test_one_whose_context_is_replaced_before_it_registers_is_told_at_once(renewed: Renewed) -> None:
    before = renewed.tls.context()
    renewed.renew()
    told: list[str] = []
    with renewed.tls.telling(before, lambda: told.append("renewed")):
        assert told == ["renewed"]
        renewed.tls.context()
    with renewed.tls.telling(renewed.tls.context(), lambda: told.append("again")):
        renewed.tls.context()
    assert told == ["renewed"]
