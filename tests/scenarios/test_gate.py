"""``sync --wait --version N``: a deployment waits until its version has arrived, or hears why it has not."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from config_sync.errors import ReloadFailed
from config_sync.model import ConfigName, ConfigRef, OnFailure, Target
from tests.fakes import unavailable
from tests.scenarios.world import World, play
from tests.unit.reconciler.world import checker


async def gate(world: World, version: int, **more: object) -> tuple[object, str]:
    answer = await world.ask(command="await-version", targets=["app"], version=version, **more)
    return answer["exit_code"], str(answer["message"])


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_there_already_or_newer_passes_at_once(version: int) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.put("app", {"v": 2})
        async with world.running():
            await asyncio.sleep(10)
            before = now()
            assert await gate(world, version) == (0, "app: version 2 is on disk")
            assert now() - before < 1

    play(scenario)


@pytest.mark.parametrize("is_told", [True, False])
def test_it_waits_for_a_version_that_comes_later_whether_the_stream_tells_or_not(is_told: bool) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            asked = asyncio.create_task(gate(world, 2))
            await asyncio.sleep(100)
            assert not asked.done()
            world.service.put("app", {"v": 2})
            put_at = now()
            if is_told:
                world.stream().change(2)
            assert await asked == (0, "app: version 2 is on disk")
            assert now() - put_at < (1 if is_told else 31)

    play(scenario)


def test_it_waits_for_the_consumer_too() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(60)
            world.reloads["app"].script.extend([ReloadFailed("not now"), ReloadFailed("not now")])
            world.service.put("app", {"v": 2})
            assert (await gate(world, 2))[0] == 0
            assert len(world.reloads["app"].orders) == 4
            world.reloads["app"].script.extend([ReloadFailed("not now")] * 1000)
            world.service.put("app", {"v": 3})
            code, said = await gate(world, 3, timeout_s=60)
            assert code == 11
            assert said.startswith("app: version 3 has not arrived within 60 s: version 3 is on disk, and its consumer")

    play(scenario)


def test_a_version_that_is_rejected_ends_it_at_once_and_one_before_it_does_not() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        target = world.target(validate=checker('! grep -q bad "$1"'))
        async with world.running(target):
            await asyncio.sleep(10)
            world.service.put("app", {"v": "bad"})
            before = now()
            code, said = await gate(world, 2)
            assert (code, now() - before < 1) == (9, True)
            assert "version 1 is on disk" in said
            asked = asyncio.create_task(gate(world, 3))
            await asyncio.sleep(100)
            assert not asked.done()
            world.service.put("app", {"v": 3})
            world.stream().change(3)
            assert (await asked)[0] == 0

    play(scenario)


def test_a_hold_ends_it_at_once_unless_what_is_held_will_do() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            await world.ask(command="hold", target="app", reason="4711")
            assert (await gate(world, 1))[0] == 0
            code, said = await gate(world, 2)
            assert code == 9
            assert "held since" in said
            assert "4711" in said

    play(scenario)


def test_a_version_that_was_rolled_back_ends_it_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running(dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)):
            await asyncio.sleep(10)
            world.reloads["app"].script.append(ReloadFailed("it died"))
            world.service.put("app", {"v": 2})
            code, said = await gate(world, 2)
            assert code == 11
            assert "rolled back" in said

    play(scenario)


def test_what_does_not_come_is_told_when_the_time_is_over() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            before = now()
            code, said = await gate(world, 2, timeout_s=45)
            assert (code, 45 <= now() - before < 46) == (5, True)
            assert said == "app: version 2 has not arrived within 45 s: version 1 is on disk"
            world.service.outage = unavailable()
            code, said = await gate(world, 2, timeout_s=45)
            assert code == 6
            assert "version 1 is on disk" in said
            assert (await gate(world, 1, timeout_s=0))[0] == 0

    play(scenario)


def test_what_is_on_record_and_not_on_disk_has_not_arrived() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            assert (await gate(world, 1))[0] == 0
            world.service.outage = unavailable()
            for entry in (world.directory / "state" / "cache").iterdir():
                entry.unlink()
            (world.etc / "app.json").unlink()
            code, said = await gate(world, 1, timeout_s=45)
            assert code == 6
            assert "version 1 was written, and is not on disk as it should be: the service" in said
            world.service.outage = None
            assert await gate(world, 1) == (0, "app: version 1 is on disk")

    play(scenario)


def test_a_held_version_whose_file_was_taken_away_ends_it_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            await world.ask(command="hold", target="app", reason="4711")
            (world.etc / "app.json").unlink()
            before = now()
            code, said = await gate(world, 1)
            assert (code, now() - before < 1) == (9, True)
            assert "not on disk as it should be, and held since" in said

    play(scenario)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"version": 0}, "a whole number from 1"),
        ({"version": "2"}, "a whole number from 1"),
        ({"version": True}, "a whole number from 1"),
        ({"version": 2, "timeout_s": "5m"}, "number of seconds"),
        ({"version": 2, "targets": ["apq"]}, "no target 'apq'"),
    ],
)
def test_a_bad_question_is_told(more: dict[str, object], said: str) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            answer = await world.ask(**{"command": "await-version", "targets": ["app"], **more})
            assert answer["exit_code"] == 2
            assert said in str(answer["message"])

    play(scenario)


def test_a_config_that_the_settings_pin_to_an_older_version_can_never_get_there() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        plain = world.target()
        pinned = dataclasses.replace(plain.files[0], source=ConfigRef(ConfigName("app"), version=1))
        target: Target = dataclasses.replace(plain, files=(pinned,))
        async with world.running(target):
            code, said = await gate(world, 2)
            assert code == 2
            assert "pin config app to version 1" in said

    play(scenario)
