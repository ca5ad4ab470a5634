"""Changes arrive, whatever the streams, the service and the clock do."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from config_sync.model import Debounce
from tests.fake_streams import FakeStream, refusing
from tests.scenarios.world import World, play


def test_a_change_is_on_disk_and_told_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            assert world.text() == '{"v": 1}'
            await asyncio.sleep(10)
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.01)
            assert world.text() == '{"v": 2}'
            assert len(world.reloads["app"].orders) == 2
            await asyncio.sleep(0.3)
            assert world.status()["version"] == 2
            assert world.status()["changed_by"] == 7

    play(scenario)


def test_the_stream_drops_a_version_comes_while_it_is_down_the_reconnect_brings_no_event() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 2})
        async with world.running():
            await asyncio.sleep(120)
            world.streams.then(refusing, refusing)
            world.stream().fail()
            await asyncio.sleep(0.1)
            world.service.put("app", {"v": 3})
            await asyncio.sleep(36)  # at most 5, 10 and 20 s
            assert world.streams.open_streams
            assert world.text() == '{"v": 3}'

    play(scenario)


def test_fifty_events_in_200_ms_are_few_fetches_and_few_reloads_and_the_last_wins() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 0})
        async with world.running():
            await asyncio.sleep(60)
            before = len(world.service.fetches)
            for number in range(1, 51):
                world.service.put("app", {"v": number})
                world.stream().change(number + 1)
                await asyncio.sleep(0.004)
            await asyncio.sleep(0.5)
            assert world.text() == '{"v": 50}'
            assert len(world.service.fetches) - before <= 3
            seen = [int(next(iter(read.values())).split(b" ")[1][:-1]) for read in world.reloads["app"].reads]
            assert seen == sorted(seen)
            assert len(seen) <= 4
            await asyncio.sleep(30)
            assert len(world.service.fetches) - before <= 3

    play(scenario)


def test_a_burst_of_a_thousand_events_is_one_fetch_or_two() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 0})
        async with world.running():
            await asyncio.sleep(60)
            before = len(world.service.fetches)
            for number in range(1000):
                world.service.put("app", {"v": number})
                world.stream().change(number + 2)
            await asyncio.sleep(30)
            assert world.text() == '{"v": 999}'
            assert len(world.service.fetches) - before <= 2
            assert len(world.reloads["app"].orders) <= 3

    play(scenario)


def test_an_event_every_50_ms_is_at_most_one_publish_in_400_ms_and_the_last_state_comes_within_100() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 0})
        async with world.running(world.target(debounce=Debounce(0.1, 0.4))):
            await asyncio.sleep(60)
            loop, written = asyncio.get_running_loop(), list[float]()
            world.service.on_fetch = lambda _: written.append(loop.time())
            for number in range(1, 101):
                world.service.put("app", {"v": number})
                world.stream().change(number + 1)
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            assert world.text() == '{"v": 100}'
            gaps = [later - earlier for earlier, later in itertools.pairwise(written)]
            assert min(gaps[1:-1]) >= 0.399  # the first goes at once, the last when it is quiet
            assert max(gaps) <= 0.45

    play(scenario)


def test_a_change_between_opening_the_stream_and_the_first_fetch_is_not_lost() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})

        def opening(stream: FakeStream) -> None:
            world.service.put("app", {"v": 2})  # its event went to nobody

        world.streams.then(opening)
        async with world.running():
            await asyncio.sleep(0.1)
            assert world.text() == '{"v": 2}'

    play(scenario)


@pytest.mark.parametrize("tells_version", [True, False], ids=["with_version", "without_version"])
def test_the_answer_after_an_event_is_still_the_old_one_twice_and_applied_on_the_third_read(
    tells_version: bool,
) -> None:
    async def scenario(world: World) -> None:
        world.service.tells_version = tells_version
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2}, stale=2)
            world.stream().change(2)
            await asyncio.sleep(2)
            assert world.text() == '{"v": 2}'
            count = len(world.service.fetches)
            await asyncio.sleep(60)
            assert len(world.service.fetches) == count

    play(scenario)


def test_of_two_configs_the_second_lags_behind_its_event_and_is_found() -> None:
    """What is known of the first config's events must not end the search for the second's."""

    async def scenario(world: World) -> None:
        world.service.put("one", {"v": 1})
        world.service.put("two", {"v": 1})
        async with world.running(world.target("app", "one", "two")):
            await asyncio.sleep(60)
            world.service.put("one", {"v": 2})
            world.stream("one").change(2)
            await asyncio.sleep(60)
            world.service.put("two", {"v": 2}, stale=2)
            world.stream("two").change(2)
            await asyncio.sleep(2)
            assert world.text("app-two") == '{"v": 2}'

    play(scenario)


def test_an_event_that_cannot_be_read_lags_and_its_change_is_found() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(60)
            world.service.put("app", {"v": 3}, stale=1)
            world.stream().push(b"data: something new\n\n")
            await asyncio.sleep(1)
            assert world.text() == '{"v": 3}'

    play(scenario)


def test_a_version_that_goes_backwards_is_applied_and_a_duplicate_costs_no_write_and_no_reload() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 5}, version=5)
        async with world.running():
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2}, version=2)
            world.stream().change(2)
            await asyncio.sleep(1)
            assert world.text() == '{"v": 2}'
            inode = (world.etc / "app.json").stat().st_ino
            world.stream().change(2)
            await asyncio.sleep(60)
            assert (world.etc / "app.json").stat().st_ino == inode
            assert len(world.reloads["app"].orders) == 2

    play(scenario)


def test_a_change_that_no_stream_tells_is_found_by_the_resync() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            world.service.put("app", {"v": 2})
            for _ in range(12):
                world.stream().comment()
                await asyncio.sleep(30)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_several_targets_of_one_config_share_one_stream() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        async with world.running(world.target("a", "shared"), world.target("b", "shared")):
            assert len(world.streams.connects) == 1
            world.service.put("shared", {"v": 2})
            world.stream("shared").change(2)
            await asyncio.sleep(0.3)
            assert world.text("a-shared") == world.text("b-shared") == '{"v": 2}'

    play(scenario)
