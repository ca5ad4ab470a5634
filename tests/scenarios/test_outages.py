"""The service is away, says no, or closes at once: the file stays, the requests are few, and it heals."""

from __future__ import annotations

import asyncio
import tracemalloc

from config_sync.errors import NotFound
from tests.fake_streams import ending, refusing
from tests.fakes import unavailable
from tests.scenarios.world import World, play


def test_a_server_that_accepts_and_closes_at_once_for_a_minute_gets_a_handful_of_connects() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.streams.otherwise = ending
        async with world.running():
            await asyncio.sleep(60)
            assert len(world.streams.connects) <= 12
            assert len(world.service.fetches) <= 14
            assert len(world.reloads["app"].orders) == 1

    play(scenario)


def test_two_hours_of_refusals_the_file_stays_the_requests_are_few_and_memory_is_flat() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.outage = unavailable()
            world.streams.otherwise = refusing
            world.stream().fail()
            inode = (world.etc / "app.json").stat().st_ino
            await asyncio.sleep(600)
            before = len(world.service.fetches), len(world.streams.connects)
            tracemalloc.start()
            await asyncio.sleep(300)
            middle = tracemalloc.get_traced_memory()[0]
            await asyncio.sleep(6300)
            after = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            fetches = len(world.service.fetches) - before[0]
            connects = len(world.streams.connects) - before[1]
            # Uniform in [0, 60 s]: one in half a minute, on average.
            assert 0 < connects <= 300
            assert 0 < fetches <= 300
            assert after - middle < 200_000
            assert (world.etc / "app.json").stat().st_ino == inode
            assert world.status()["state"] == "stale"
            world.service.outage = None
            world.service.put("app", {"v": 2})
            await asyncio.sleep(130)
            assert world.text() == '{"v": 2}'
            assert world.status()["state"] == "synced"

    play(scenario)


def test_a_name_that_was_not_found_is_created_later_and_arrives() -> None:
    async def scenario(world: World) -> None:
        async with world.running():
            await asyncio.sleep(600)
            assert world.text() is None
            assert len(world.service.fetches) <= 40
            world.service.put("app", {"v": 1})
            await asyncio.sleep(61)
            assert world.text() == '{"v": 1}'

    play(scenario)


def test_a_config_that_is_deleted_leaves_the_file() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.service.take_away("app")
            world.stream().change(2)
            await asyncio.sleep(1200)
            assert world.text() == '{"v": 1}'
            assert len(world.reloads["app"].orders) == 1

    play(scenario)


def test_one_config_that_is_never_there_follows_its_own_pace_and_the_others_notice_nothing() -> None:
    async def scenario(world: World) -> None:
        world.service.put("good", {"v": 1})
        world.service.fail("bad", *[NotFound("404")] * 1000)
        async with world.running(world.target("bad"), world.target("good")):
            await asyncio.sleep(3600)
            assert world.service.counts["bad"] <= 130
            world.service.put("good", {"v": 2})
            (await world.until_streaming("good")).change(2)
            await asyncio.sleep(0.01)
            assert world.text("good") == '{"v": 2}'

    play(scenario)


def test_retry_after_is_respected_by_the_fetches() -> None:
    async def scenario(world: World) -> None:
        world.service.outage = unavailable(retry_after_s=100.0)
        world.streams.otherwise = refusing
        async with world.running():
            await asyncio.sleep(99)
            assert len(world.service.fetches) == 1

    play(scenario)
