"""The sequence after a publish, with the whole agent: a consumer that dies of the new config, and what status says."""

from __future__ import annotations

import asyncio
import dataclasses

from config_sync.errors import ReloadFailed
from config_sync.model import OnFailure, Target
from tests.scenarios.world import World, play


def rolling(world: World) -> Target:
    return dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)


def dies() -> ReloadFailed:
    return ReloadFailed("process 7 (app) ended within 0.1 s of SIGHUP", hint="look at its own log")


def test_a_consumer_that_dies_of_the_new_config_gets_the_old_one_back_and_the_revision_is_skipped() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(rolling(world)):
            world.reloads["app"].script.append(dies())
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(1)
            assert world.text() == '{"v": 1}'
            status = world.status()
            assert (status["state"], status["version"], status["reload_pending"]) == ("rejected", 1, False)
            assert "version 2 was rolled back" in str(status["error"])
            assert "ended within 0.1 s" in str(status["error"])
            health = await world.ask(command="health", kind="ready")
            assert health["exit_code"] == 0, "one bad revision takes nothing down"
            told = len(world.reloads["app"].orders)
            await asyncio.sleep(3600)
            assert (world.text(), len(world.reloads["app"].orders)) == ('{"v": 1}', told)
        async with world.running(rolling(world)):
            await asyncio.sleep(700)
            assert (world.status()["state"], world.text()) == ("rejected", '{"v": 1}')
            answer = await world.ask(command="sync", targets=["app"], wait=True)
            assert answer["exit_code"] == 11
            answer = await world.ask(command="reload", target="app")
            assert answer["exit_code"] == 0
            world.service.put("app", {"v": 3})
            world.stream().change(3)
            await asyncio.sleep(1)
            assert (world.status()["state"], world.text()) == ("synced", '{"v": 3}')

    play(scenario)


def test_keep_reports_and_tries_again_with_growing_delays_without_a_write_or_a_fetch() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(40)
            world.reloads["app"].script.extend([dies(), dies(), dies()])
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.5)
            inode, fetches = (world.etc / "app.json").stat().st_ino, len(world.service.fetches)
            status = world.status()
            assert (status["state"], status["version"], status["reload_pending"]) == ("reload_pending", 2, True)
            await asyncio.sleep(60)  # in which no stream falls silent
            assert len(world.reloads["app"].orders) == 5
            assert (world.etc / "app.json").stat().st_ino == inode
            assert len(world.service.fetches) == fetches
            assert world.status()["state"] == "synced"

    play(scenario)


def test_during_an_outage_after_a_restart_the_refused_revision_is_still_told() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(rolling(world)):
            world.reloads["app"].script.append(dies())
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(1)
        world.service.take_away("app")
        async with world.running(rolling(world)):
            await asyncio.sleep(1)
            status = world.status()
            assert status["state"] == "rejected"
            assert "version 2 was rolled back" in str(status["conditions"])
            assert world.text() == '{"v": 1}'

    play(scenario)
