"""Health as a probe sees it: an outage is not sickness, a stuck pass is, and startup means written once."""

from __future__ import annotations

import asyncio

from config_sync.errors import ReloadFailed
from tests.fake_streams import refusing
from tests.fakes import unavailable
from tests.scenarios.world import World, play


async def health(world: World) -> dict[str, bool]:
    """Which of the three are well."""
    kinds = ("live", "ready", "startup")
    return {kind: (await world.ask(command="health", kind=kind))["exit_code"] == 0 for kind in kinds}


WELL = {"live": True, "ready": True, "startup": True}


def test_startup_waits_for_every_required_target_and_no_other() -> None:
    async def scenario(world: World) -> None:
        world.service.put("first", {"v": 1})
        targets = world.target("first"), world.target("second"), world.target("extra", is_required=False)
        async with world.running(*targets):
            assert await health(world) == {"live": True, "ready": False, "startup": False}
            answer = await world.ask(command="health", kind="startup")
            assert answer["message"] == "not written yet: second"
            world.service.put("second", {"v": 1})
            world.stream("second").change(1)
            await asyncio.sleep(0.1)
            assert await health(world) == WELL

    play(scenario)


def test_startup_is_done_at_once_after_a_restart_with_the_service_away() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        async with world.running(target):
            pass
        world.service.outage = unavailable()
        world.streams.otherwise = refusing
        async with world.running(target):
            assert await health(world) == WELL

    play(scenario)


def test_an_outage_turns_neither_readiness_nor_liveness_red() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.service.outage = unavailable()
            world.streams.otherwise = refusing
            world.stream().fail()
            await asyncio.sleep(7200)
            assert await health(world) == WELL

    play(scenario)


def test_one_bad_document_keeps_readiness() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.service.put("app", b"no json")
            world.stream().change(2)
            await asyncio.sleep(0.5)
            assert world.status()["state"] == "rejected"
            assert await health(world) == WELL

    play(scenario)


def test_a_file_that_cannot_be_written_turns_readiness_red_until_it_can() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            (world.etc / "app.json").unlink()
            (world.etc / "app.json").mkdir()
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.5)
            assert world.status()["state"] == "failed"
            assert await health(world) == {"live": True, "ready": False, "startup": True}
            (world.etc / "app.json").rmdir()
            await asyncio.sleep(61)
            assert await health(world) == WELL

    play(scenario)


def test_a_failing_reload_keeps_readiness() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target()
        world.reloads["app"].script.extend([ReloadFailed("no") for _ in range(1000)])
        async with world.running(target):
            await asyncio.sleep(600)
            assert world.status()["state"] == "reload_pending"
            assert await health(world) == WELL

    play(scenario)


def test_a_stuck_pass_turns_liveness_red_and_its_end_green_again() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.workers.takes_s["app"] = 300.0
            world.stream().change(2)
            await asyncio.sleep(100)
            assert (await health(world))["live"]
            await asyncio.sleep(30)
            assert not (await health(world))["live"]
            world.workers.takes_s.clear()
            await asyncio.sleep(200)
            assert await health(world) == WELL

    play(scenario)
