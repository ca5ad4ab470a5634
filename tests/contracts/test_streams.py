"""One suite for every `Streams`: the fake of the tests and the real client open, bring, end and refuse alike."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest

from config_sync.client import Endpoint
from config_sync.client.streams import EventStream, HttpStreams, Streams
from config_sync.credentials import default_token
from config_sync.errors import NotFound, ServiceUnavailable, Unauthorized
from config_sync.model import ConfigName, ConfigRef
from config_sync.sse import SseDecoder, parse_change
from tests.fake_streams import FakeStreams, ending, live, refused, refusing
from tests.service import TOKEN, serving, write_config

APP = ConfigRef(ConfigName("app"))


class Side(Protocol):
    """Streams, and the hand behind them."""

    streams: Streams

    async def change(self) -> None:
        """The second version of the config."""
        ...

    async def end(self) -> None:
        """The server ends the open stream."""
        ...


class FakeSide:
    def __init__(self, situation: str) -> None:
        answers = {"well": live, "unknown": refused(404), "token": refused(401), "away": refusing}
        self.fake = FakeStreams(otherwise=answers[situation])
        self.streams: Streams = self.fake

    async def change(self) -> None:
        self.fake.stream.change(2)

    async def end(self) -> None:
        self.fake.stream.end()


class RealSide:
    def __init__(self, situation: str, folder: Path) -> None:
        self._folder = folder
        if situation != "unknown":
            write_config(folder, "app", {"v": 1})
        self.server = serving(folder)
        token = default_token({"CONFIG_SERVICE_TOKEN": "another" if situation == "token" else TOKEN})
        self.streams: Streams = HttpStreams(Endpoint(self.server.url, token), idle_timeout_s=10)
        if situation == "away":
            self.server.stop()

    async def change(self) -> None:
        write_config(self._folder, "app", {"v": 2})

    async def end(self) -> None:
        await asyncio.to_thread(self.server.stop)


@pytest.fixture(params=["fake", "real"])
def sided(request: pytest.FixtureRequest, configs: Path) -> Callable[[str], AbstractAsyncContextManager[Side]]:
    """Makes a side in a situation."""

    @contextlib.asynccontextmanager
    async def make(situation: str) -> AsyncIterator[Side]:
        if request.param == "fake":
            yield FakeSide(situation)
            return
        real = await asyncio.to_thread(RealSide, situation, configs)
        try:
            yield real
        finally:
            await asyncio.to_thread(real.server.stop)

    return make


Sided = Callable[[str], AbstractAsyncContextManager[Side]]


def run(scenario: Coroutine[object, object, None]) -> None:
    """With a bound on everything."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario

    asyncio.run(bounded())


async def first_change(stream: EventStream, then: Callable[[], Awaitable[None]]) -> int | None:
    """The version that the first event told, after `then` was done with the stream open."""
    decoder = SseDecoder()
    await then()
    async for chunk in stream.chunks():
        for event in decoder.feed(chunk):
            change = parse_change(event.data)
            assert change is not None
            assert change.config == "app"
            return change.version
    raise AssertionError("the stream ended")


def test_an_open_stream_brings_the_change(sided: Sided) -> None:
    async def scenario() -> None:
        async with sided("well") as side, side.streams.open(APP) as stream:
            assert await first_change(stream, side.change) == 2

    run(scenario())


def test_a_stream_that_the_server_ends_is_over_without_an_error(sided: Sided) -> None:
    async def scenario() -> None:
        async with sided("well") as side, side.streams.open(APP) as stream:
            await side.end()
            chunks = [chunk async for chunk in stream.chunks()]
            assert b"data:" not in b"".join(chunks)

    run(scenario())


@pytest.mark.parametrize(
    ("situation", "error"),
    [("unknown", NotFound), ("token", Unauthorized), ("away", ServiceUnavailable)],
    ids=["unknown_name", "wrong_token", "nobody_listens"],
)
def test_a_stream_that_cannot_be_had_says_why(sided: Sided, situation: str, error: type[Exception]) -> None:
    async def scenario() -> None:
        async with sided(situation) as side:
            with pytest.raises(error):
                async with side.streams.open(APP):
                    raise AssertionError("it opened")

    run(scenario())


def test_streams_that_are_left_can_be_opened_again(sided: Sided) -> None:
    async def scenario() -> None:
        async with sided("well") as side:
            for _ in range(3):
                async with side.streams.open(APP, "1"):
                    pass
            async with side.streams.open(APP) as stream:
                assert await first_change(stream, side.change) == 2

    run(scenario())


def test_the_fake_can_end_at_once_too() -> None:
    async def scenario() -> None:
        async with FakeStreams(otherwise=ending).open(APP) as stream:
            assert [chunk async for chunk in stream.chunks()] == []

    run(scenario())
