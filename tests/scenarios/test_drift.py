"""Somebody edits a published file: what `on_drift` makes of it, and that our own writes stir nothing."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from config_sync.model import OnDrift
from config_sync.settings import Settings
from tests.fakes import unavailable
from tests.scenarios.world import World, play


def test_an_edit_is_put_right_and_the_consumer_told_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target()):
            await asyncio.sleep(60)
            told = len(world.reloads["app"].orders)
            world.edit("{}")
            await asyncio.sleep(1)
            assert world.text() == '{"v": 1}'
            assert [order.reason for order in world.reloads["app"].orders[told:]] == ["Drifted"]
            assert world.status()["state"] == "synced"

    play(scenario)


def test_our_own_writes_ask_nothing_of_the_service_and_tell_nobody() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target()):
            await asyncio.sleep(60)
            told, fetches = len(world.reloads["app"].orders), len(world.service.fetches)
            for _ in range(50):
                world.stir()
                await asyncio.sleep(0.01)
            assert (len(world.reloads["app"].orders), len(world.service.fetches)) == (told, fetches)

    play(scenario)


def test_a_changed_mode_is_repaired_without_a_reload() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target()):
            await asyncio.sleep(60)
            told = len(world.reloads["app"].orders)
            path = world.etc / "app.json"
            path.chmod(0o644)
            world.stir()
            await asyncio.sleep(1)
            assert path.stat().st_mode & 0o777 == 0o640
            assert len(world.reloads["app"].orders) == told

    play(scenario)


@pytest.mark.parametrize("policy", [OnDrift.REPORT, OnDrift.IGNORE], ids=["report", "ignore"])
def test_a_tolerated_edit_stays_until_a_new_version_and_makes_nothing_pending(policy: OnDrift) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target(on_drift=policy)):
            await asyncio.sleep(60)
            told = len(world.reloads["app"].orders)
            world.edit("{}")
            await asyncio.sleep(600)
            assert world.text() == "{}"
            assert len(world.reloads["app"].orders) == told
            status = world.status()
            assert (status["state"], status["reload_pending"]) == ("synced", False)
            conditions = {one["type"]: (one["status"], one["reason"]) for one in conditions_of(status)}
            is_right = "False" if policy is OnDrift.REPORT else "True"
            assert conditions["Synced"] == (is_right, "DriftTolerated")
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(1)
            assert world.text() == '{"v": 2}'
            assert {one["type"]: one["status"] for one in conditions_of(world.status())}["Synced"] == "True"

    play(scenario)


def test_the_fourth_restore_within_ten_minutes_is_not_made_and_later_ones_are_again() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target()):
            await asyncio.sleep(60)
            for _ in range(3):
                world.edit("{}")
                await asyncio.sleep(1)
                assert world.text() == '{"v": 1}'
            world.edit("{}")
            await asyncio.sleep(60)
            assert world.text() == "{}"
            status = world.status()
            assert status["state"] == "failed"
            error = status["error"]
            assert isinstance(error, dict)
            assert error["reason"] == "Contested"
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(1)
            assert world.text() == '{"v": 2}', "a new version is no restore"
            world.edit("{}")
            await asyncio.sleep(700)
            assert world.text() == '{"v": 2}'
            assert world.status()["state"] == "synced"

    play(scenario)


def test_a_file_that_is_taken_away_again_and_again_is_given_up_too() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(world.target()):
            await asyncio.sleep(60)
            for is_restored in (True, True, True, False):
                (world.etc / "app.json").unlink()
                world.stir()
                await asyncio.sleep(1)
                assert (world.text() == '{"v": 1}') is is_restored

    play(scenario)


def test_an_edit_while_the_service_is_away_is_put_right_when_it_is_back() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=without_cache(world.settings(world.target()))):
            await asyncio.sleep(60)
            world.service.fail("app", *(unavailable() for _ in range(8)))
            world.edit("{}")
            await asyncio.sleep(5)
            assert world.text() == "{}"
            await asyncio.sleep(600)
            assert world.text() == '{"v": 1}'

    play(scenario)


def without_cache(settings: Settings) -> Settings:
    """``offline_start: never``: nothing but the service says what is right."""
    return dataclasses.replace(settings, agent=dataclasses.replace(settings.agent, offline_start_s=0.0))


def conditions_of(status: dict[str, object]) -> list[dict[str, object]]:
    found = status["conditions"]
    assert isinstance(found, list)
    return found


def test_an_edit_that_cannot_be_put_right_yet_is_told_and_no_longer_when_it_is_taken_back() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=without_cache(world.settings(world.target()))):
            await asyncio.sleep(60)
            world.service.outage = unavailable()
            right = world.text()
            assert right is not None
            for is_removed in (False, True):
                world.edit("{}")
                if is_removed:
                    (world.etc / "app.json").unlink()
                    world.stir()
                await asyncio.sleep(20)
                assert world.status()["state"] == "pending"
                synced = world.condition("Synced")
                assert (synced["status"], synced["reason"]) == ("False", "Drifted")
                assert "cannot be put right yet: the service cannot be reached" in str(synced["message"])
                assert (await world.ask(command="health", kind="ready"))["exit_code"] == 0
                world.edit(right)
                (world.etc / "app.json").chmod(0o640)
                world.stir()
                await asyncio.sleep(1)
                assert world.status()["state"] == "synced"
                assert world.condition("Synced")["reason"] == "ServiceUnavailable"
            world.edit("{}")
            await asyncio.sleep(1)
            world.service.outage = None
            await asyncio.sleep(120)
            assert world.text() == right
            assert world.status()["state"] == "synced"
            assert world.condition("Synced")["status"] == "True"

    play(scenario)
