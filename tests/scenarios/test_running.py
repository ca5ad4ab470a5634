"""The agent among its targets: none delays another, a bug is contained, commands are answered, the end is clean."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import ReloadResult
from tests.fakes import unavailable
from tests.scenarios.world import World, play


def failing(count: int) -> list[ReloadFailed]:
    return [ReloadFailed("the hook ended with code 1") for _ in range(count)]


def test_the_hook_fails_three_times_then_works_four_runs_growing_delays_no_rewrite_no_refetch() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target):
            await asyncio.sleep(60)
            reload, loop = world.reloads["app"], asyncio.get_running_loop()
            runs: list[float] = []

            def fail() -> None:
                runs.append(loop.time())
                raise ReloadFailed("the hook ended with code 1")

            reload.script.extend([fail, fail, fail, lambda: runs.append(loop.time())])
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.01)
            inode, fetches = (world.etc / "app.json").stat().st_ino, len(world.service.fetches)
            await asyncio.sleep(0.3)
            assert world.status()["state"] == "reload_pending"
            await asyncio.sleep(60)
            assert len(runs) == 4
            delays = [runs[number + 1] - runs[number] for number in range(3)]
            assert all(delay <= limit for delay, limit in zip(delays, (5.0, 10.0, 20.0), strict=True))
            assert (world.etc / "app.json").stat().st_ino == inode
            assert len(world.service.fetches) == fetches
            assert [order.attempt for order in reload.orders[1:]] == [1, 2, 3, 4]
            assert world.status()["state"] == "synced"

    play(scenario)


def test_a_hook_that_never_works_does_not_stop_new_versions_nor_the_full_compare() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target):
            await asyncio.sleep(60)
            world.reloads["app"].script.extend(failing(10_000))
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(60)
            world.service.put("app", {"v": 3})  # nobody tells
            for _ in range(13):
                world.stream().comment()
                await asyncio.sleep(30)
            assert world.text() == '{"v": 3}'

    play(scenario)


def test_a_consumer_that_is_not_running_does_not_stop_the_full_compare_and_the_outage_becomes_stale() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target):
            await asyncio.sleep(60)
            world.reloads["app"].otherwise = ReloadResult.WAITING_FOR_CONSUMER
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(10)
            assert world.status()["state"] == "synced"
            world.service.put("app", {"v": 3})
            for _ in range(13):
                world.stream().comment()
                await asyncio.sleep(30)
            assert world.text() == '{"v": 3}'
            world.service.outage = unavailable()
            for _ in range(60):
                world.stream().comment()
                await asyncio.sleep(30)
            assert world.status()["state"] == "stale"
            world.service.outage = None
            world.reloads["app"].otherwise = ReloadResult.ALREADY_CURRENT
            await asyncio.sleep(200)
            assert world.status()["state"] == "synced"

    play(scenario)


def test_a_slow_target_delays_no_other() -> None:
    async def scenario(world: World) -> None:
        for name in ("slow", "quick"):
            world.service.put(name, {"v": 1})
        world.workers.takes_s["slow"] = 50.0
        async with world.running(world.target("slow"), world.target("quick")):
            assert world.text("quick") == '{"v": 1}'
            assert world.text("slow") is None
            for number in range(2, 10):
                world.service.put("quick", {"v": number})
                world.stream("quick").change(number)
                await asyncio.sleep(2.5)
                assert world.text("quick") == json.dumps({"v": number})
            await asyncio.sleep(60)
            assert world.text("slow") == '{"v": 1}'

    play(scenario)


def test_a_target_is_never_in_two_passes_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.workers.takes_s["app"] = 3.0
        async with world.running():
            for number in range(2, 20):
                world.service.put("app", {"v": number})
                world.stream().change(number)
                await asyncio.sleep(0.7)
            await asyncio.sleep(10)
            starts = [at for at, _ in world.workers.started]
            assert all(later - earlier >= 3.0 for earlier, later in itertools.pairwise(starts))
            assert world.text() == '{"v": 19}'

    play(scenario)


def test_more_targets_than_workers_all_get_their_turn() -> None:
    async def scenario(world: World) -> None:
        names = [f"t{number:02}" for number in range(20)]
        for name in names:
            world.service.put(name, {"v": 1})
            world.workers.takes_s[name] = 1.0
        world.workers = type(world.workers)(room=4)
        world.workers.takes_s = dict.fromkeys(names, 1.0)
        async with world.running(*(world.target(name) for name in names)):
            await asyncio.sleep(12)
            assert {world.text(name) for name in names} == {'{"v": 1}'}

    play(scenario)


def test_a_bug_in_a_pass_is_contained_backed_off_and_healed() -> None:
    async def scenario(world: World) -> None:
        for name in ("broken", "good"):
            world.service.put(name, {"v": 1})
        passes: list[str] = []

        def before(name: str) -> None:
            passes.append(name)
            if name == "broken" and world.text("good") != '{"v": 2}':
                raise ZeroDivisionError

        world.before_pass = before
        async with world.running(world.target("broken"), world.target("good")):
            await asyncio.sleep(120)
            assert world.text("good") == '{"v": 1}'
            assert world.text("broken") is None
            assert 3 <= passes.count("broken") <= 30
            answer = await world.ask(command="sync", targets=["broken"], wait=True)
            assert answer["exit_code"] == 70
            assert world.status("broken")["state"] == "failed"
            assert world.status("good")["state"] == "synced"
            world.service.put("good", {"v": 2})
            world.stream("good").change(2)
            await asyncio.sleep(61)
            assert world.text("broken") == '{"v": 1}'

    play(scenario)


def test_the_end_closes_streams_saves_the_status_and_takes_the_socket_away() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.01)
        assert not world.streams.open_streams
        assert world.status()["version"] == 2
        assert not (world.directory / "run" / "control.sock").exists()
        assert len(asyncio.all_tasks()) == 1

    play(scenario)


def test_the_end_waits_for_a_pass_under_way_but_not_for_ever() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        loop = asyncio.get_running_loop()
        async with world.running():
            world.workers.takes_s["app"] = 5.0
            world.stream().change(2)
            await asyncio.sleep(0.01)
            began = loop.time()
        assert loop.time() - began == pytest.approx(5.0, abs=0.1)
        world.workers.takes_s.clear()
        async with world.running():
            world.workers.takes_s["app"] = 500.0
            world.stream().change(2)
            await asyncio.sleep(1)
            began = loop.time()
        assert loop.time() - began == pytest.approx(12.0, abs=0.1)

    play(scenario)


def test_a_stop_during_a_reload_leaves_it_pending_and_the_next_agent_makes_it() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target) as agent:

            def end() -> None:
                agent.stop()
                raise Stopped

            world.reloads["app"].script.append(end)
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.01)
            assert len(world.reloads["app"].orders) == 2
        async with world.running(target):
            await asyncio.sleep(60)
        assert len(world.reloads["app"].orders) == 3
        assert world.status()["reload_pending"] is False

    play(scenario)


def test_a_restart_with_nothing_new_writes_nothing_and_tells_nobody() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target):
            inode = (world.etc / "app.json").stat().st_ino
        async with world.running(target):
            await asyncio.sleep(400)
        assert (world.etc / "app.json").stat().st_ino == inode
        assert len(world.reloads["app"].orders) == 1

    play(scenario)
