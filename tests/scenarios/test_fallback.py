"""`watch: auto`: where streams are not to be had, the list tells too, until they are."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from tests.fake_streams import Answer, FakeStream, live, not_offered, refused, refusing, sending
from tests.scenarios.test_polling import LATEST_S, by
from tests.scenarios.world import World, play


@pytest.mark.parametrize("answer", [not_offered, refused(404)], ids=["204", "404-on-watch"])
def test_auto_polls_where_no_stream_is_to_be_had_says_so_and_asks_for_it_now_and_then(answer: Answer) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.streams.otherwise = answer
        async with world.running():
            await asyncio.sleep(120)
            assert world.condition("Connected")["reason"] == "Polled"
            assert "no stream" in str(world.condition("Connected")["message"])
            world.service.put("app", {"v": 2})
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 2}'
            before = len(world.streams.connects)
            await asyncio.sleep(3600)
            assert 4 <= len(world.streams.connects) - before <= 9

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert [line["log_level"] for line in logs if line["event"] == "poll.started"] == ["warning"]


def test_auto_goes_back_to_streams_when_they_bring_something() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.streams.otherwise = not_offered
        async with world.running():
            await asyncio.sleep(600)
            world.streams.otherwise = sending(b": hello\n\n")
            stream = await world.until_streaming()
            await asyncio.sleep(1)
            looks = world.service.looks
            for _ in range(20):
                stream.comment()
                await asyncio.sleep(30)
            assert world.service.looks == looks
            assert world.condition("Connected")["reason"] == "StreamLive"
            world.service.put("app", {"v": 2})
            stream.change(2)
            await asyncio.sleep(0.01)
            assert world.text() == '{"v": 2}'

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert [line["event"] for line in logs if line["event"].startswith("poll.")] == ["poll.started", "poll.ended"]


def test_behind_a_proxy_that_buffers_the_list_tells_after_three_streams_without_a_byte() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(150)
            assert world.service.looks == 0
            await asyncio.sleep(200)
            assert world.condition("Connected")["reason"] == "Polled"
            assert "proxy" in str(world.condition("Connected")["message"])
            fetches = world.service.fetches
            world.streams.otherwise = refusing  # so that no reconnect finds it
            world.service.put("app", {"v": 2})
            fetches.clear()
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_a_server_without_keep_alives_is_polled_beside_and_its_events_still_count_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            for version in range(2, 8):
                await asyncio.sleep(600)
                world.service.put("app", {"v": version})
                (await world.until_streaming()).change(version)
                await asyncio.sleep(0.01)
                assert world.text() == f'{{"v": {version}}}'

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert [line["log_level"] for line in logs if line["event"] == "poll.started"][:3] == ["warning", "debug", "debug"]


def test_with_streams_only_nothing_is_polled() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.streams.otherwise = not_offered
        async with world.running(settings=by(world, "stream")):
            await asyncio.sleep(3600)
            assert world.service.looks == 0
            assert world.condition("Connected")["reason"] == "WatchNotOffered"

    play(scenario)


def test_a_name_that_is_nowhere_stays_not_found_and_gets_its_stream_soon_after_it_is_created() -> None:
    async def scenario(world: World) -> None:
        def answer(stream: FakeStream) -> None:
            (live if world.text() is not None else refused(404))(stream)

        world.streams.otherwise = answer
        async with world.running():
            await asyncio.sleep(1200)
            assert world.condition("Connected")["reason"] == "NotFound"
            world.service.put("app", {"v": 1})
            await asyncio.sleep(100)
            assert world.text() == '{"v": 1}'
            assert world.streams.open_streams

    play(scenario)


def test_a_name_that_is_nowhere_is_not_said_to_be_polled() -> None:
    async def scenario(world: World) -> None:
        world.streams.otherwise = refused(404)
        async with world.running():
            await asyncio.sleep(3600)

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert not [line for line in logs if line["event"] == "poll.started"]
