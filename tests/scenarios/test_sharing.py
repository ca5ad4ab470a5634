"""A config that several targets use is fetched once for each change."""

from __future__ import annotations

import asyncio

import pytest

from config_sync.errors import NotFound
from config_sync.model import Debounce
from config_sync.workqueue import Wake
from tests.fake_streams import refusing
from tests.fakes import unavailable
from tests.scenarios.world import World, play


def test_twenty_targets_of_one_config_are_one_fetch_an_event() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        targets = [world.target(f"t{number}", "shared") for number in range(20)]
        async with world.running(*targets):
            await asyncio.sleep(60)
            before = len(world.service.fetches)
            world.service.put("shared", {"v": 2})
            world.stream("shared").change(2)
            await asyncio.sleep(5)
            assert {world.text(f"t{number}-shared") for number in range(20)} == {'{"v": 2}'}
            assert len(world.service.fetches) - before == 1

    play(scenario)


def test_the_first_sync_of_twenty_targets_of_one_config_is_a_fetch_or_two() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        async with world.running(*(world.target(f"t{number}", "shared") for number in range(20))):
            await asyncio.sleep(1)
            assert {world.text(f"t{number}-shared") for number in range(20)} == {'{"v": 1}'}
            assert len(world.service.fetches) <= 2  # the start, and the stream that became live

    play(scenario)


def test_a_change_that_comes_while_the_one_before_is_being_fetched_is_fetched_after_it() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        names = [f"t{number}" for number in range(5)]
        async with world.running(*(world.target(name, "shared", debounce=Debounce(0, 0)) for name in names)):
            await asyncio.sleep(60)
            for name in names:
                world.workers.takes_s[name] = 0.5
            world.service.put("shared", {"v": 2})
            world.stream("shared").change(2)
            await asyncio.sleep(0.499)
            world.service.put("shared", {"v": 3}, stale=1)
            world.stream("shared").change(3)
            await asyncio.sleep(2)
            assert {world.text(f"{name}-shared") for name in names} == {'{"v": 3}'}

    play(scenario)


@pytest.mark.parametrize("error", [unavailable(), NotFound("404")], ids=["away", "not-found"])
def test_an_error_is_everybodys_and_asked_for_once(error: NotFound) -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        names = [f"t{number}" for number in range(10)]
        async with world.running(*(world.target(name, "shared") for name in names)):
            await asyncio.sleep(60)
            before = len(world.service.fetches)
            world.service.outage = error
            world.streams.otherwise = refusing
            world.stream("shared").change(2)
            await asyncio.sleep(0.3)
            assert len(world.service.fetches) - before == 1
            for name in names:
                told = world.status(name)["error"]
                assert isinstance(told, dict)
                assert told["reason"] == error.reason

    play(scenario)


def test_targets_with_different_environments_do_not_get_each_others_content() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        world.service.put("other", {"v": 9})
        async with world.running(world.target("a", "shared"), world.target("b", "other"), world.target("c", "shared")):
            await asyncio.sleep(1)
            assert (world.text("a-shared"), world.text("b-other"), world.text("c-shared")) == (
                '{"v": 1}',
                '{"v": 9}',
                '{"v": 1}',
            )

    play(scenario)


def test_a_mark_that_comes_while_an_older_one_still_waits_gets_a_fetch_that_starts_after_it() -> None:
    """One target waits for quiet; meanwhile another one's fetch is done. Its answer is older than the last mark."""

    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        slow = world.target("slow", "shared", debounce=Debounce(2, 10))
        async with world.running(slow, world.target("other", "shared")) as agent:
            await asyncio.sleep(60)
            world.service.put("shared", {"v": 2})
            agent._passes.mark("slow", Wake.EVENT)
            await asyncio.sleep(0.5)
            agent._passes.mark("slow", Wake.EVENT)  # waits for two quiet seconds from here on
            await asyncio.sleep(0.5)
            world.service.put("shared", {"v": 3})
            agent._passes.mark("other", Wake.COMMAND)
            await asyncio.sleep(0.5)
            assert (world.text("slow-shared"), world.text("other-shared")) == ('{"v": 2}', '{"v": 3}')
            world.service.put("shared", {"v": 4})
            agent._passes.mark("slow", Wake.EVENT)
            await asyncio.sleep(2.1)
            assert world.text("slow-shared") == '{"v": 4}'

    play(scenario)
