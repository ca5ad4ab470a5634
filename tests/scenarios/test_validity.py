"""A change that is told of and not given yet: the list explains it, and its time is not missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from config_sync.client import ConfigInfo
from tests.fakes import unavailable
from tests.scenarios.world import World, play
from tests.virtual_clock import EPOCH

UPDATED = datetime.fromtimestamp(EPOCH + 60, UTC)


def entry(name: str = "app", *, is_valid: bool = True, valid_from: float = 0.0) -> ConfigInfo:
    """What the list says; `valid_from` in virtual seconds."""
    return ConfigInfo(name, is_valid, datetime.fromtimestamp(EPOCH + valid_from, UTC), UPDATED)


def comments(world: World) -> None:
    """Keep the streams up, so that no reconnect compares."""
    for stream in world.streams.open_streams:
        stream.comment()


def test_a_revision_that_is_valid_later_is_explained_and_fetched_at_its_time_and_not_with_the_next_resync() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.listed["app"] = entry(valid_from=140)
            world.stream().change(2)
            await asyncio.sleep(30)
            told = str(world.condition("Synced")["message"])
            assert "valid only from 2023-11-14T22:15:40Z" in told
            assert world.condition("Synced")["status"] == "True"
            comments(world)
            await asyncio.sleep(49)
            world.service.put("app", {"v": 2}, stale=1)
            comments(world)
            await asyncio.sleep(3)
            assert world.text() == '{"v": 2}'
            assert world.condition("Synced")["message"] == "the files are right"

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert [(line["log_level"], line["config"]) for line in logs if line["event"] == "event.unmet"] == [("info", "app")]


def test_a_revision_that_the_service_finds_invalid_is_explained() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.listed["app"] = entry(is_valid=False)
            world.stream().change(2)
            await asyncio.sleep(30)
            assert "a change of app that is not valid" in str(world.condition("Synced")["message"])

    play(scenario)


def test_a_duplicate_event_of_a_valid_config_is_no_news() -> None:
    async def scenario(world: World) -> None:
        world.service.tells_version = False
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.stream().change(1)
            await asyncio.sleep(30)
            assert world.condition("Synced")["message"] == "the files are right"
            assert world.service.looks == 1

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert not [line for line in logs if line["event"] == "event.unmet"]


def test_twenty_targets_of_one_config_ask_the_list_once_and_a_list_that_fails_harms_nobody() -> None:
    async def scenario(world: World) -> None:
        world.service.put("shared", {"v": 1})
        async with world.running(*(world.target(f"t{number}", "shared") for number in range(20))):
            await asyncio.sleep(60)
            world.stream("shared").change(2)
            await asyncio.sleep(30)
            assert world.service.looks == 1
            await asyncio.sleep(60)
            (await world.until_streaming("shared")).change(2)
            await asyncio.sleep(19)
            world.service.outage = unavailable()
            await asyncio.sleep(20)
            world.service.outage = None
            await asyncio.sleep(120)
            world.service.put("shared", {"v": 2})
            (await world.until_streaming("shared")).change(2)
            await asyncio.sleep(1)
            assert {world.text(f"t{number}-shared") for number in range(20)} == {'{"v": 2}'}

    play(scenario)
