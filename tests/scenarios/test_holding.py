"""An operator holds a target of the running agent: what status says, when it ends, and what happens meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from config_sync.errors import ReloadFailed
from tests.scenarios.world import World, play


def holding(world: World) -> dict[str, object]:
    found = world.status()["hold"]
    assert isinstance(found, dict)
    return found


def test_what_is_held_stays_until_it_is_resumed_and_status_says_who_and_why() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            answer = await world.ask(command="hold", target="app", reason="4711", who="ada")
            assert (answer["exit_code"], answer["message"]) == (
                0,
                "app: held until 'config-sync resume app', as it is on disk",
            )
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(3600)
            assert world.text() == '{"v": 1}'
            assert world.status()["state"] == "held"
            hold = holding(world)
            assert (hold["by"], hold["reason"], hold["until"]) == ("ada", "4711", None)
            condition = world.condition("Synced")
            assert (condition["status"], condition["reason"]) == ("Unknown", "Held")
            assert "held by ada" in str(condition["message"])
            world.edit("by hand")
            await asyncio.sleep(3600)
            assert world.text() == "by hand"
        async with world.running():
            await asyncio.sleep(3600)
            assert (world.text(), world.status()["state"]) == ("by hand", "held")
            answer = await world.ask(command="resume", target="app")
            assert answer["exit_code"] == 0
            assert world.text() == '{"v": 2}'
            await asyncio.sleep(1)
            assert (world.status()["state"], world.status()["hold"]) == ("synced", None)
            assert len(world.reloads["app"].orders) == 2

    play(scenario)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_hold_for_a_time_ends_then_without_anything_else_happening(is_restarted: bool) -> None:
    async def scenario(world: World) -> None:
        loop = asyncio.get_running_loop()
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            asked_at = loop.time()
            await world.ask(command="hold", target="app", for_s=5000)
            world.service.put("app", {"v": 2})
            if not is_restarted:
                await asyncio.sleep(asked_at + 4999 - loop.time())
                assert world.text() == '{"v": 1}'
                await asyncio.sleep(2)
                assert world.text() == '{"v": 2}'
                return
        async with world.running():
            await asyncio.sleep(asked_at + 4999 - loop.time())
            assert (world.text(), world.status()["state"]) == ('{"v": 1}', "held")
            await asyncio.sleep(2)
            assert world.text() == '{"v": 2}'

    play(scenario)


def test_a_held_target_does_not_keep_the_agent_busy() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.put("other", {"v": 1})
        async with world.running(world.target("app"), world.target("other")):
            await asyncio.sleep(10)
            world.reloads["app"].script.append(ReloadFailed("the hook ended with code 1"))
            await world.ask(command="reload", target="app")
            await world.ask(command="hold", target="app", for_s=7200)
            await asyncio.sleep(3600)
            passes = [name for _, name in world.workers.started if name == "app"]
            assert 50 < len(passes) < 100, "a look a minute at the clock on the wall"
            world.service.put("other", {"v": 2})
            world.stream("other").change(2)
            await asyncio.sleep(1)
            assert world.text("other") == '{"v": 2}'

    play(scenario)


def test_an_order_waits_for_the_pass_under_way_and_the_answer_is_that_of_the_next() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            world.workers.takes_s["app"] = 5.0
            world.service.put("app", {"v": 2})
            world.stream().change(2)
            await asyncio.sleep(0.01)
            assert (await world.ask(command="hold", target="app"))["exit_code"] == 0
            assert world.text() == '{"v": 2}'
            world.service.put("app", {"v": 3})
            assert (await world.ask(command="sync", targets=["app"], wait=True))["exit_code"] == 0
            assert world.text() == '{"v": 2}'

    play(scenario)


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        ({"command": "hold", "target": "apq"}, 2, "no target 'apq'"),
        ({"command": "resume", "target": "app"}, 2, "target 'app' is not held"),
        ({"command": "hold", "target": "app", "for_s": 0}, 2, "a hold lasts between"),
        ({"command": "hold", "target": "app", "for_s": 1e300}, 2, "a hold lasts between"),
        ({"command": "hold", "target": "app", "for_s": "1h"}, 2, "a hold lasts between"),
        ({"command": "hold", "target": "app", "reason": "a\nb"}, 2, "reason is one line of text"),
        ({"command": "hold", "target": "app", "who": 5}, 2, "who is one line of text"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(request_: dict[str, object], code: int, said: str) -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            answer = await world.ask(**request_)
            assert answer["exit_code"] == code
            assert said in str(answer["message"])
            await asyncio.sleep(1)
            assert (world.status()["state"], world.status()["error"]) == ("synced", None)

    play(scenario)


def test_new_settings_keep_an_order_that_waits() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(10)
            world.workers.takes_s["app"] = 5.0
            world.stream().change(2)
            await asyncio.sleep(0.01)
            asked = asyncio.create_task(world.ask(command="hold", target="app"))
            await asyncio.sleep(0.01)
            await world.ask(command="reload-settings")
            assert (await asked)["exit_code"] == 0

    play(scenario)
