"""Files of several configs: each has its stream, each change arrives, and one that is optional may come and go."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import MutableMapping

import pytest
import structlog

from config_sync.errors import NotFound
from config_sync.model import ConfigName, ConfigRef, Part, Target
from config_sync.stop import Stop
from tests.fake_streams import FakeStream
from tests.scenarios.test_polling import LATEST_S
from tests.scenarios.world import World, play


def part(name: str, *, version: int | None = None, is_optional: bool = False) -> Part:
    return Part(ConfigRef(ConfigName(name), version=version), is_optional)


PARTS = (part("common"), part("app"), part("host", is_optional=True))


def merging(world: World, name: str = "app", parts: tuple[Part, ...] = PARTS) -> Target:
    """A target whose one file is made of these configs."""
    target = world.target(name)
    spec = dataclasses.replace(target.files[0], source=parts[0].ref, merge=parts)
    return dataclasses.replace(target, files=(spec,))


def fill(world: World) -> None:
    """All but the optional one; the service has no stream of a config that it does not have."""
    world.service.put("common", {"a": 1, "b": 1, "c": 1})
    world.service.put("app", {"b": 2, "c": None})

    def answer(stream: FakeStream) -> None:
        try:
            world.service.fetch(stream.ref, Stop())
        except NotFound:
            raise NotFound("404 Not Found") from None
        finally:
            world.service.fetches.pop()

    world.streams.otherwise = answer


def test_there_is_a_stream_for_each_and_none_for_a_pinned_one() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {})
        parts = (part("common", version=1), part("app"), part("host", is_optional=True))
        async with world.running(merging(world, parts=parts)):
            await asyncio.sleep(30)
            assert {str(stream.ref.name) for stream in world.streams.open_streams} == {"app", "host"}

    play(scenario)


@pytest.mark.parametrize("changed", ["common", "app", "host"])
def test_an_event_of_any_of_them_brings_the_change_at_once(changed: str) -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {})
        async with world.running(merging(world), world.target("other", "none")):
            assert world.text() == '{"a":1,"b":2}'
            stream = await world.until_streaming(changed)
            passes = [name for _, name in world.workers.started].count("other")
            version = world.service.put(changed, {"new": changed})
            stream.change(version)
            await asyncio.sleep(3)
            assert f'"new":"{changed}"' in str(world.text())
            assert world.status()["changed_by"] == 7
            assert [name for _, name in world.workers.started].count("other") == passes

    play(scenario)


def test_what_status_says_of_it() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        async with world.running(merging(world)):
            await asyncio.sleep(120)
            told = world.status()
            assert told["state"] == "synced"
            assert told["version"] == 1
            assert [(one["name"], one["version"], one["optional"]) for one in _dicts(told["configs"])] == [
                ("common", 1, False),
                ("app", 1, False),
                ("host", None, True),
            ]
            (file,) = _dicts(told["files"])
            assert file["config"] == "common,app,host"

    play(scenario)


def test_an_optional_config_that_is_not_there_spoils_no_condition_and_is_seen_when_it_comes() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        async with world.running(merging(world)):
            await asyncio.sleep(600)
            assert world.condition("Connected")["status"] == "True"
            service = world.page()["service"]
            assert isinstance(service, dict)
            assert service["connected"] is True
            world.service.put("host", {"c": "h"})
            await asyncio.sleep(LATEST_S + 60)
            assert world.text() == '{"a":1,"b":2,"c":"h"}'
            assert world.condition("Connected")["status"] == "True"
            await world.until_streaming("host")
            version = world.service.put("host", {"c": "h2"})
            world.stream("host").change(version)
            await asyncio.sleep(3)
            assert world.text() == '{"a":1,"b":2,"c":"h2"}'

    play(scenario)


def test_an_optional_config_that_is_not_there_is_no_line_in_the_log_until_somebody_needs_it() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        async with world.running(merging(world)) as agent:
            await asyncio.sleep(1800)
            told.extend(line for line in logs if line.get("config") == "host")
            world.next_settings = world.settings(merging(world), world.target("needs", "host"))
            agent.reload_settings()
            await asyncio.sleep(120)

    told: list[MutableMapping[str, object]] = []
    with structlog.testing.capture_logs() as logs:
        play(scenario)
    assert told
    assert {line["log_level"] for line in told} == {"debug"}
    needed = [line for line in logs if line.get("config") == "host" and line not in told]
    assert [line["log_level"] for line in needed if line["event"] == "stream.lost"].count("error") == 1


def test_one_that_is_needed_and_not_there_spoils_it() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        async with world.running(merging(world, parts=(part("common"), part("host")))):
            await asyncio.sleep(120)
            assert world.condition("Connected")["status"] == "False"
            assert world.condition("Synced")["reason"] == "NotFound"
            assert world.text() is None

    play(scenario)


def test_an_optional_config_that_is_removed_for_good_goes_by_itself() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {"c": "h"})
        async with world.running(merging(world)):
            await asyncio.sleep(60)
            assert world.text() == '{"a":1,"b":2,"c":"h"}'
            world.service.take_away("host")
            await asyncio.sleep(900)  # the resync at the latest
            assert world.text() == '{"a":1,"b":2}'
            assert world.status()["state"] == "synced"

    play(scenario)


def test_a_404_for_a_day_while_nothing_says_that_it_was_removed_takes_nothing_away() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {"c": "h"})
        async with world.running(merging(world)):
            await asyncio.sleep(60)
            world.service.hides_list = True
            world.service.take_away("host")
            await asyncio.sleep(12 * 3600)
            assert world.text() == '{"a":1,"b":2,"c":"h"}'
            error = world.status()["error"]
            assert isinstance(error, dict)
            assert error["reason"] == "OptionalGone"
            assert len(world.reloads["app"].orders) == 1
            world.service.hides_list = False
            await asyncio.sleep(900)
            assert world.text() == '{"a":1,"b":2}'

    play(scenario)


def test_two_change_at_once_and_the_second_can_be_read_only_later() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        async with world.running(merging(world)):
            await asyncio.sleep(60)
            common, app = await world.until_streaming("common"), await world.until_streaming("app")
            newer = world.service.put("app", {"b": 3}, stale=2)
            other = world.service.put("common", {"a": 5})
            app.change(newer)
            common.change(other)
            await asyncio.sleep(30)  # the re-checks; the resync comes in four minutes at the earliest
            assert world.text() == '{"a":5,"b":3}'
            fetches = len(world.service.fetches)
            await asyncio.sleep(30)
            assert len(world.service.fetches) == fetches

    play(scenario)


def test_configs_that_many_targets_merge_are_fetched_once_a_change() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {})
        names = [f"t{number}" for number in range(10)]
        async with world.running(*(merging(world, name) for name in names)):
            await asyncio.sleep(60)
            stream = await world.until_streaming("common")
            before = world.service.counts
            version = world.service.put("common", {"a": 9})
            stream.change(version)
            await asyncio.sleep(5)
            assert {world.text(name) for name in names} == {'{"a":9,"b":2}'}
            assert world.service.counts["common"] - before["common"] <= 2

    play(scenario)


def test_new_settings_that_merge_more_or_less_are_followed() -> None:
    async def scenario(world: World) -> None:
        fill(world)
        world.service.put("host", {"c": "h"})
        async with world.running(merging(world, parts=PARTS[:2])):
            await asyncio.sleep(60)
            assert world.text() == '{"a":1,"b":2}'
            world.next_settings = world.settings(merging(world))
            assert (await world.ask(command="reload-settings"))["exit_code"] == 0
            await world.until_streaming("host")
            await asyncio.sleep(5)
            assert world.text() == '{"a":1,"b":2,"c":"h"}'
            world.next_settings = world.settings(merging(world, parts=(part("common"),)))
            assert (await world.ask(command="reload-settings"))["exit_code"] == 0
            await asyncio.sleep(5)
            assert world.text() == '{"a":1,"b":1,"c":1}'
            assert {str(stream.ref.name) for stream in world.streams.open_streams} <= {"common"}

    play(scenario)


def _dicts(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return [{str(key): member for key, member in one.items()} for one in value if isinstance(one, dict)]
