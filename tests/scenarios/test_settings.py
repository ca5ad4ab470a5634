"""The settings change while the agent runs: good ones are applied, bad ones change nothing."""

from __future__ import annotations

import asyncio
import dataclasses

from config_sync.errors import Problem, SettingsError
from config_sync.model import AbsolutePath
from config_sync.settings import AgentSettings
from tests.fake_streams import refused
from tests.scenarios.world import World, play


def bad() -> SettingsError:
    return SettingsError("1 problem in settings.yaml", problems=(Problem("settings.yaml", 3, 7, "targets", "no"),))


def test_bad_settings_keep_the_old_ones_and_say_why_then_good_ones_are_applied() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.put("new", {"v": 1})
        old = world.target()
        async with world.running(old):
            world.next_settings = bad()
            answer = await world.ask(command="reload-settings")
            assert answer["exit_code"] == 3
            assert "settings.yaml:3:7" in str(answer["message"])
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.3)
            assert world.text() == '{"v": 2}'
            world.next_settings = world.settings(old, world.target("new"))
            assert (await world.ask(command="reload-settings"))["exit_code"] == 0
            await asyncio.sleep(0.3)
            assert world.text("new") == '{"v": 1}'
            assert len(world.reloads["app"].orders) == 2

    play(scenario)


def test_added_and_removed_targets_bring_and_end_their_streams_and_the_file_stays() -> None:
    async def scenario(world: World) -> None:
        for name in ("a", "b", "c"):
            world.service.put(name, {"v": 1})
        async with world.running(world.target("a"), world.target("b")) as agent:
            assert {stream.ref.name for stream in world.streams.open_streams} == {"a", "b"}
            kept = world.stream("b")
            world.next_settings = world.settings(world.target("c"), world.target("b"))
            agent.reload_settings()
            await asyncio.sleep(0.3)
            assert {stream.ref.name for stream in world.streams.open_streams} == {"b", "c"}
            assert world.stream("b") is kept
            assert world.text("a") == '{"v": 1}'
            told = world.page()["targets"]
            assert isinstance(told, list)
            assert [one["name"] for one in told] == ["c", "b"]
            answer = await world.ask(command="sync")
            assert answer["message"] == "asked for: c, b"
            fetches = world.service.counts["a"]
            await asyncio.sleep(1000)
            assert world.service.counts["a"] == fetches

    play(scenario)


def test_the_stream_of_a_removed_target_no_longer_counts_for_connected() -> None:
    async def scenario(world: World) -> None:
        world.service.put("good", {"v": 1})
        world.streams.then(refused(404))
        async with world.running(world.target("gone"), world.target("good")) as agent:
            await asyncio.sleep(0.3)
            assert world.page()["service"] == {
                "host": "http://localhost",
                "connected": False,
                "since": "2023-11-14T22:13:20.000Z",
            }
            world.next_settings = world.settings(world.target("good"))
            agent.reload_settings()
            await asyncio.sleep(0.3)
            service = world.page()["service"]
            assert isinstance(service, dict)
            assert service["connected"] is True

    play(scenario)


def test_a_target_that_is_removed_while_it_is_asked_for_answers() -> None:
    async def scenario(world: World) -> None:
        world.service.put("a", {"v": 1})
        world.service.put("b", {"v": 1})
        async with world.running(world.target("a"), world.target("b")) as agent:
            world.workers.takes_s["a"] = 5.0
            asking = asyncio.create_task(world.ask(command="sync", targets=["a"], wait=True))
            await asyncio.sleep(1)
            world.next_settings = world.settings(world.target("b"))
            agent.reload_settings()
            assert (await asking)["exit_code"] == 0
            asking.cancel()

    play(scenario)


def test_another_service_means_another_connection_new_streams_and_a_look_at_everything() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running() as agent:
            before = world.stream()
            other = dataclasses.replace(world.service_settings, host="http://localhost:1")
            world.next_settings = world.settings(world.target(), service=other)
            world.service.put("app", {"v": 2})
            agent.reload_settings()
            await asyncio.sleep(0.3)
            assert [one.host for one in world.connections] == ["http://localhost", "http://localhost:1"]
            assert world.service.is_closed
            assert before.is_closed
            assert world.stream() is not before
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_the_same_settings_again_keep_the_connection_and_the_streams() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running() as agent:
            before = world.stream()
            agent.reload_settings()
            await asyncio.sleep(0.3)
            assert len(world.connections) == 1
            assert world.stream() is before
            assert len(world.reloads["app"].orders) == 1

    play(scenario)


def test_the_state_directory_cannot_move_under_a_running_agent() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running() as agent:
            elsewhere = AgentSettings(AbsolutePath(f"{world.directory}/other"), AbsolutePath(f"{world.directory}/run"))
            world.next_settings = dataclasses.replace(world.settings(world.target()), agent=elsewhere)
            answer = agent.reload_settings()
            assert answer["exit_code"] == 3
            assert answer["hint"] == "restart the agent"

    play(scenario)


def test_a_target_whose_files_changed_is_synced_to_the_new_place() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running() as agent:
            target = world.target()
            moved = dataclasses.replace(target.files[0], path=AbsolutePath(f"{world.etc}/moved.json"))
            world.next_settings = world.settings(dataclasses.replace(target, files=(moved,)))
            agent.reload_settings()
            await asyncio.sleep(0.3)
            assert world.text("moved") == '{"v": 1}'

    play(scenario)


def test_settings_that_are_read_again_end_the_waits_for_a_person_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.streams.otherwise = refused(403)
        service = dataclasses.replace(world.service_settings, watch="stream")
        async with world.running(settings=world.settings(world.target(), service=service)):
            await asyncio.sleep(10)
            assert len(world.streams.connects) == 1
            assert (await world.ask(command="reload-settings"))["exit_code"] == 0
            await asyncio.sleep(1)
            assert len(world.streams.connects) == 2

    play(scenario)
