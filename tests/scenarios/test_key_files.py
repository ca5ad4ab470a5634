"""The agent keeps a directory with one file a key: edits are seen, also of keys that came later, and status tells."""

from __future__ import annotations

import asyncio
import dataclasses

from config_sync.formats.files import FilesFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Layout, Target
from tests.scenarios.world import World, play


def key_set(world: World) -> Target:
    spec = FileSpec(AbsolutePath(str(world.etc)), ConfigRef(ConfigName("app")), FilesFormat())
    return dataclasses.replace(world.target(), files=(spec,), key_set=spec, layout=Layout.DIRECTORY)


def test_an_edit_of_a_key_that_came_later_is_put_right_at_once() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"a": "1"})
        async with world.running(key_set(world)):
            await asyncio.sleep(60)
            assert (world.etc / "a").read_text() == "1"
            (await world.until_streaming()).change(world.service.put("app", {"a": "1", "b": "2"}))
            await asyncio.sleep(60)
            assert (world.etc / "b").read_text() == "2"
            fetches = len(world.service.fetches)
            (world.etc / "b").write_text("mine")
            world.stir_path(world.etc / "b")
            await asyncio.sleep(1)
            assert (world.etc / "b").read_text() == "2"
            assert len(world.service.fetches) == fetches + 1
            files = world.status()["files"]
            assert files == [
                {"path": str(world.etc / name), "config": "app", "state": "written"} for name in ("a", "b")
            ]

    play(scenario)


def test_startup_waits_for_the_set_and_an_empty_one_counts() -> None:
    async def scenario(world: World) -> None:
        async with world.running(key_set(world)):
            await asyncio.sleep(10)
            assert (await world.ask(command="health", kind="startup"))["exit_code"] != 0
            world.service.put("app", {})
            await asyncio.sleep(120)
            assert (await world.ask(command="health", kind="startup"))["exit_code"] == 0

    play(scenario)


def test_a_key_that_comes_later_is_looked_at_once_it_is_watched_and_no_watch_is_disturbed() -> None:
    async def scenario(world: World) -> None:
        world.service.put("app", {"a": "1"})
        async with world.running(key_set(world)):
            await asyncio.sleep(60)
            watches = list(world.watches)
            assert len(watches) == 2
            (await world.until_streaming()).change(world.service.put("app", {"a": "1", "b": "2"}))
            while not (world.etc / "b").exists():  # noqa: ASYNC110  # a file tells no event
                await asyncio.sleep(0)
            (world.etc / "b").write_text("mine")  # before anybody watches it
            await asyncio.sleep(5)
            assert (world.etc / "b").read_text() == "2"
            assert world.watches == watches

    play(scenario)
