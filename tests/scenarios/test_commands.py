"""What the agent does when asked: by its socket, by a signal, by new credentials."""

from __future__ import annotations

import asyncio
import json

import pytest

from config_sync.errors import NotFound, ReloadFailed
from tests.fake_streams import refused
from tests.scenarios.world import World, play


def failing(count: int) -> list[ReloadFailed]:
    return [ReloadFailed("the hook ended with code 1") for _ in range(count)]


def test_sync_wait_waits_for_a_pass_that_starts_after_the_question() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            world.workers.takes_s["app"] = 5.0
            world.stream().change(2)
            await asyncio.sleep(0.01)
            started = len(world.workers.started)
            world.service.on_fetch = lambda _: None
            asked_at = asyncio.get_running_loop().time()
            answer = await world.ask(command="sync", targets=["app"], wait=True)
            assert answer["exit_code"] == 0
            assert len(world.workers.started) == started + 1
            assert world.workers.started[-1][0] > asked_at

    play(scenario)


def test_sync_without_names_is_for_all_and_tells_each_outcome() -> None:
    async def scenario(world: World) -> None:
        world.service.put("a", {"v": 1})
        async with world.running(world.target("a"), world.target("b")):
            answer = await world.ask(command="sync", wait=True)
            assert answer["exit_code"] == 5
            told = answer["targets"]
            assert isinstance(told, list)
            assert [(one["name"], one["result"], one["reason"]) for one in told] == [
                ("a", "unchanged", "InSync"),
                ("b", "failed", "NotFound"),
            ]
            assert (await world.ask(command="sync"))["message"] == "asked for: a, b"

    play(scenario)


def test_reload_tells_the_consumer_without_asking_the_service() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            fetches = len(world.service.fetches)
            answer = await world.ask(command="reload", target="app")
            assert answer["exit_code"] == 0
            assert len(world.reloads["app"].orders) == 2
            assert world.reloads["app"].orders[-1].forced
            assert len(world.service.fetches) == fetches
            world.reloads["app"].script.extend(failing(1))
            assert (await world.ask(command="reload", target="app"))["exit_code"] == 11

    play(scenario)


def test_a_sync_and_a_reload_that_share_a_pass_both_get_what_they_asked_for() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2})
            world.workers.takes_s["app"] = 1.0
            world.stream().comment()
            answers = await asyncio.gather(
                world.ask(command="sync", targets=["app"], wait=True), world.ask(command="reload", target="app")
            )
            assert [answer["exit_code"] for answer in answers] == [0, 0]
            assert world.text() == '{"v": 2}'

    play(scenario)


@pytest.mark.parametrize(
    ("request_", "code", "hint"),
    [
        pytest.param({"command": "sync", "targets": ["ap"]}, 2, "did you mean 'app'?", id="near"),
        pytest.param({"command": "reload", "target": "zzz"}, 2, "targets: app", id="far"),
        pytest.param({"command": "sync", "targets": "app"}, 2, None, id="no_list"),
        pytest.param({"command": "dance"}, 2, "is the agent older than this command?", id="no_command"),
        pytest.param({"command": "health", "kind": "well"}, 2, "live, ready or startup", id="no_health"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_a_hint(
    request_: dict[str, object], code: int, hint: str | None
) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            answer = await world.ask(**request_)
            assert (answer["exit_code"], answer.get("hint")) == (code, hint)
            assert (await world.ask(command="health"))["exit_code"] == 0

    play(scenario)


def test_lines_that_are_no_request_are_answered_and_the_connection_stays() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            reader, writer = await asyncio.open_unix_connection(str(world.directory / "run" / "control.sock"))
            for line in (b"nonsense\n", b"[]\n", b"x" * 200_000 + b"\n", b"[" * 60_000 + b"\n"):
                writer.write(line)
                assert json.loads(await reader.readline())["exit_code"] == 2
            writer.close()

    play(scenario)


def test_a_signal_to_sync_looks_at_everything_now() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running() as agent:
            await asyncio.sleep(60)
            world.service.put("app", {"v": 2})
            agent.sync_all()
            await asyncio.sleep(0.01)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_new_credentials_end_the_waits_for_a_person_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.fail("app", *[NotFound("404")] * 2)
        world.streams.then(refused(401), refused(401))
        async with world.running() as agent:
            await asyncio.sleep(1)
            connects = len(world.streams.connects)
            assert world.text() is None
            agent._on_credentials(frozenset({"/token"}))
            await asyncio.sleep(0.1)
            assert len(world.streams.connects) == connects + 1
            agent._on_credentials(frozenset({"/token"}))
            await asyncio.sleep(0.1)
            assert world.text() == '{"v": 1}'
            assert world.streams.open_streams

    play(scenario)
