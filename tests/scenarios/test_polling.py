"""Where streams are not to be had, or not wanted, the list of configs tells of changes, one interval late at most."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime

import structlog

from config_sync.client import ConfigInfo
from config_sync.errors import Unauthorized
from config_sync.model import ConfigName, ConfigRef
from config_sync.settings import Settings
from tests.fakes import unavailable
from tests.scenarios.world import World, play
from tests.virtual_clock import EPOCH

LATEST_S = 36 + 1
"""The shipped interval with its 20 %, and a moment for the work."""


def by(world: World, watch: str, *names: str) -> Settings:
    """The world's settings with ``service.watch``."""
    service = dataclasses.replace(world.service_settings, watch=watch)
    return world.settings(*(world.target(name) for name in names or ("app",)), service=service)


def test_poll_finds_a_change_within_its_interval_and_opens_no_stream() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(100)
            world.service.put("app", {"v": 2})
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 2}'
            assert len(world.reloads["app"].orders) == 2
            assert world.streams.connects == []
            assert world.condition("Connected")["reason"] == "Polled"
            assert world.condition("Connected")["status"] == "True"
            assert "every 30 s" in str(world.condition("Connected")["message"])

    play(scenario)


def test_polling_twenty_configs_is_one_request_at_a_time_and_an_hour_without_change_is_cheap() -> None:
    async def scenario(world: World) -> None:
        names = [f"app-{number}" for number in range(20)]
        for name in names:
            world.service.put(name, {"v": 1})
        async with world.running(settings=by(world, "poll", *names)):
            await asyncio.sleep(60)
            looks, fetches = world.service.looks, len(world.service.fetches)
            await asyncio.sleep(3600)
            assert 95 <= world.service.looks - looks <= 155
            assert len(world.service.fetches) - fetches <= 20 * 16  # the resyncs, every 240 to 360 s

    play(scenario)


def test_a_change_in_one_environment_is_found_though_the_list_knows_no_environments() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.put("app", {"v": 1, "e": 1}, environment="prod")
        settings = by(world, "poll")
        target = settings.targets[0]
        spec = dataclasses.replace(target.files[0], source=ConfigRef(ConfigName("app"), "prod"))
        settings = dataclasses.replace(settings, targets=(dataclasses.replace(target, files=(spec,)),))
        async with world.running(settings=settings):
            await asyncio.sleep(100)
            world.service.put("app", {"v": 2, "e": 1}, environment="prod")
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 2, "e": 1}'

    play(scenario)


def test_a_second_change_in_the_second_that_the_list_shows_already_is_found_by_the_look_after() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(60)
            at = datetime.fromtimestamp(EPOCH + 60, UTC)
            world.service.listed["app"] = ConfigInfo("app", True, at, at)
            world.service.put("app", {"v": 2})
            while world.text() != '{"v": 2}':  # noqa: ASYNC110  # a file tells no event
                await asyncio.sleep(0.1)
            world.service.put("app", {"v": 3})
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 3}'

    play(scenario)


def test_a_service_whose_list_is_ahead_of_its_reads_is_asked_again() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2}, stale=2)
            await asyncio.sleep(LATEST_S + 2)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_an_outage_while_polling_keeps_the_file_asks_seldom_and_its_changes_are_found_after() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(60)
            world.service.outage = unavailable()
            world.service.put("app", {"v": 2})
            looks = world.service.looks
            await asyncio.sleep(7200)
            assert world.service.looks - looks <= 330
            assert world.text() == '{"v": 1}'
            assert world.condition("Connected")["status"] == "False"
            assert world.condition("Connected")["reason"] == "ServiceUnavailable"
            world.service.outage = None
            await asyncio.sleep(121)
            assert world.text() == '{"v": 2}'
            assert world.condition("Connected")["status"] == "True"

    with structlog.testing.capture_logs() as logs:
        play(scenario)
    told = [(line["log_level"], line["event"]) for line in logs if line["event"].startswith("poll.")]
    assert [one for one in told if one[0] != "debug"] == [
        ("info", "poll.started"),
        ("warning", "poll.failed"),
        ("info", "poll.recovered"),
    ]


def test_a_name_that_the_list_does_not_have_is_told_and_arrives_when_it_is_created() -> None:
    async def scenario(world: World) -> None:
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(60)
            assert world.condition("Connected")["reason"] == "NotListed"
            world.service.put("app", {"v": 1})
            await asyncio.sleep(LATEST_S)
            assert world.text() == '{"v": 1}'
            assert world.condition("Connected")["reason"] == "Polled"
            world.service.take_away("app")
            await asyncio.sleep(LATEST_S)
            assert world.condition("Connected")["reason"] == "NotListed"
            assert world.text() == '{"v": 1}'

    play(scenario)


def test_a_revision_that_becomes_valid_at_its_time_is_fetched_then_and_the_wait_is_explained() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        begins = datetime.fromtimestamp(EPOCH + 200, UTC)
        world.service.listed["app"] = ConfigInfo("app", False, begins, begins)
        async with world.running(settings=by(world, "poll")):
            await asyncio.sleep(150)
            assert f"valid only from {begins:%Y-%m-%dT%H:%M:%SZ}" in str(world.condition("Connected")["message"])
            await asyncio.sleep(49)
            world.service.put("app", {"v": 2})
            await asyncio.sleep(LATEST_S + 2)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_settings_may_change_from_streams_to_polling_and_back() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(settings=by(world, "stream")) as agent:
            assert len(world.streams.open_streams) == 1
            world.next_settings = by(world, "poll")
            agent.reload_settings()
            await asyncio.sleep(1)
            assert not world.streams.open_streams
            assert world.condition("Connected")["reason"] == "Polled"
            looks = world.service.looks
            world.next_settings = by(world, "stream")
            agent.reload_settings()
            await asyncio.sleep(60)
            assert world.service.looks == looks
            assert world.condition("Connected")["reason"] == "StreamLive"

    play(scenario)


def test_a_new_token_is_used_for_the_list_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.outage = Unauthorized("401")
        async with world.running(settings=by(world, "poll")) as agent:
            await asyncio.sleep(300)
            world.service.outage = None
            agent._on_credentials(frozenset({"/token"}))
            await asyncio.sleep(0.5)
            assert world.text() == '{"v": 1}'
            assert world.condition("Connected")["reason"] == "Polled"

    play(scenario)
