"""A boot into an outage: the files are back from the cache, the agent is ready, and life goes on when it is over."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from pathlib import Path

from config_sync.notify import Notifier
from config_sync.settings import Settings
from tests.fake_streams import live, refusing
from tests.fakes import unavailable
from tests.scenarios.test_health import WELL, health
from tests.scenarios.world import World, play

DAY_S = 86400.0


def with_age(settings: Settings, age_s: float) -> Settings:
    return dataclasses.replace(settings, agent=dataclasses.replace(settings.agent, offline_start_s=age_s))


async def boot_into_an_outage(world: World) -> None:
    """Synced once; then the memory file system is empty and the service is away."""
    world.service.put("app", {"v": 1})
    async with world.running():
        pass
    (world.etc / "app.json").unlink()
    world.service.outage = unavailable()
    world.streams.otherwise = refusing


def told(inbox: socket.socket) -> list[str]:
    """Everything that the service manager was told by now."""
    found: list[str] = []
    try:
        while True:
            found += inbox.recv(4096).decode().splitlines()
    except BlockingIOError:
        return found


def test_files_are_back_within_the_first_attempt_and_the_status_says_where_from() -> None:
    async def scenario(world: World) -> None:
        await boot_into_an_outage(world)
        async with world.running():
            await asyncio.sleep(0.3)
            assert world.text() == '{"v": 1}'
            assert len(world.reloads["app"].orders) == 2
            assert await health(world) == WELL
            status = world.status()
            since = status["from_cache_since"]
            assert since is not None
            assert status["current_as_of"] is not None
            assert status["version"] == 1
            condition = world.condition("Synced")
            assert condition["status"] == "False"
            assert str(condition["message"]).startswith("the files come from the cache; ")
            await asyncio.sleep(3600)
            assert world.status()["from_cache_since"] == since
            assert world.status()["state"] == "stale"
            assert len(world.reloads["app"].orders) == 2
            world.service.outage = None
            world.streams.otherwise = live
            await asyncio.sleep(130)
            assert world.status()["from_cache_since"] is None
            assert world.status()["state"] == "synced"
            assert len(world.reloads["app"].orders) == 2

    play(scenario)


def test_the_service_manager_hears_ready_only_once_the_files_are_there(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        address = str(tmp_path / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
            inbox.bind(address)
            inbox.setblocking(False)
            await boot_into_an_outage(world)
            world.notifier = Notifier(address)
            there: list[bool] = []
            world.before_pass = lambda _: there.append("READY=1" in told(inbox))
            async with world.running(settings=with_age(world.settings(world.target()), 0.0)):
                await asyncio.sleep(60)
                assert "READY=1" not in told(inbox)
                assert not any(there)
                assert await health(world) == {"live": True, "ready": False, "startup": False}
                assert world.status()["state"] == "pending"
            world.before_pass = lambda _: None
            async with world.running():
                await asyncio.sleep(1)
                assert "READY=1" in told(inbox)
                assert world.text() == '{"v": 1}'

    play(scenario)


def test_other_settings_may_allow_it_while_the_outage_lasts() -> None:
    async def scenario(world: World) -> None:
        await boot_into_an_outage(world)
        never = with_age(world.settings(world.target()), 0.0)
        async with world.running(settings=never) as agent:
            await asyncio.sleep(60)
            assert world.text() is None
            world.next_settings = with_age(never, DAY_S)
            agent.reload_settings()
            await asyncio.sleep(60)
            assert world.text() == '{"v": 1}'

    play(scenario)


def test_configs_that_new_settings_no_longer_name_leave_the_cache() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        world.service.put("other", {"v": 1})
        cache = world.directory / "state" / "cache"
        async with world.running(world.target(), world.target("other")) as agent:
            await asyncio.sleep(1)
            assert len(list(cache.iterdir())) == 2
            world.next_settings = world.settings(world.target())
            agent.reload_settings()
            await asyncio.sleep(1)
            assert [path.name.split(".")[0] for path in cache.iterdir()] == ["app"]

    play(scenario)


def test_a_day_without_changes_writes_to_the_cache_a_handful_of_times() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        cache = world.directory / "state" / "cache"
        async with world.running():
            seen: set[int] = set()
            for _ in range(24 * 60):
                await asyncio.sleep(60)
                (path,) = cache.iterdir()
                seen.add(path.stat().st_mtime_ns)
            assert 3 <= len(seen) <= 5

    play(scenario, limit_s=2 * DAY_S)


def test_an_edit_in_an_outage_is_put_right() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"v": 1})
        async with world.running():
            await asyncio.sleep(1)
            world.service.outage = unavailable()
            world.edit("by hand")
            await asyncio.sleep(1)
            assert world.text() == '{"v": 1}'
            assert len(world.reloads["app"].orders) == 2

    play(scenario)
