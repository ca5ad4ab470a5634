"""Files that others replace, on a real file system: what changed is told, what did not is not, and nothing ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.triggers.watching import Paths, watch_files
from tests.virtual_clock import run
from tests.waiting import eventually


@contextlib.contextmanager
def watching(*paths: Path, force_polling: bool = False) -> Iterator[list[frozenset[str]]]:
    """What is told while inside; the watch runs in a loop and thread of its own."""
    told: list[frozenset[str]] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        await watch_files(
            Paths(map(str, paths)), told.append, stop=stop, step_ms=25, poll_s=0.05, force_polling=force_polling
        )

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    loop, stop = eventually(lambda: loops)[0]
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()


def replace(path: Path, content: str) -> None:
    """As careful writers do: another inode under the same name."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(content)
    fresh.replace(path)


def swap(volume: Path, generation: str, content: str) -> None:
    """As the kubelet does: a new directory, then ``..data`` renamed onto it, then the old one removed."""
    old = os.readlink(volume / "..data") if (volume / "..data").is_symlink() else None
    (volume / generation).mkdir()
    (volume / generation / "token").write_text(content)
    (volume / "..data_tmp").symlink_to(generation)
    (volume / "..data_tmp").replace(volume / "..data")
    if old is not None:
        shutil.rmtree(volume / old)


@pytest.mark.parametrize("force_polling", [False, True], ids=["events", "polling"])
def test_a_replaced_file_is_told_and_its_neighbours_are_not(tmp_path: Path, force_polling: bool) -> None:
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text("one")
    key.write_text("one")
    with watching(token, key, force_polling=force_polling) as told:
        (tmp_path / "neighbour").write_text("noise")
        replace(token, "two")
        eventually(lambda: told)
        token.write_text("longer than two")
        eventually(lambda: len(told) == 2)
        token.unlink()
        eventually(lambda: len(told) == 3)
        (tmp_path / "neighbour").write_text("noise again")
        token.write_text("back")
        eventually(lambda: len(told) == 4)
    assert set(told) == {frozenset({str(token)})}


def test_three_swaps_of_a_kubernetes_volume_are_each_told(tmp_path: Path) -> None:
    swap(tmp_path, "..2026_1", "one")
    (tmp_path / "token").symlink_to("..data/token")
    with watching(tmp_path / "token") as told:
        swap(tmp_path, "..2026_2", "second")
        eventually(lambda: len(told) >= 1)
        swap(tmp_path, "..2026_3", "third")
        eventually(lambda: len(told) >= 2)
        swap(tmp_path, "..2026_4", "fourth")
        eventually(lambda: len(told) >= 3)
    assert set(told) == {frozenset({str(tmp_path / "token")})}


def test_a_directory_that_is_switched_by_its_link_is_told(tmp_path: Path) -> None:
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "token").write_text(release)
    current = tmp_path / "current"
    current.symlink_to("one")
    with watching(current / "token") as told:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(current)
        eventually(lambda: told)
    assert told == [frozenset({str(current / "token")})]


def test_a_directory_that_goes_and_comes_back_is_watched_again(tmp_path: Path) -> None:
    token = tmp_path / "run" / "creds" / "token"
    with watching(token) as told:
        token.parent.mkdir(parents=True)
        token.write_text("one")
        eventually(lambda: told)
        shutil.rmtree(tmp_path / "run")
        eventually(lambda: len(told) == 2)
        token.parent.mkdir(parents=True)
        token.write_text("two!")
        eventually(lambda: len(told) == 3)
        replace(token, "three")
        eventually(lambda: len(told) == 4)


def test_without_inotify_the_files_are_looked_at_instead(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one")
    script = textwrap.dedent(
        """
        import asyncio, os, resource, sys
        import watchfiles
        from config_sync.log import logger
        from config_sync.triggers.watching import Paths, watch_files

        async def main():
            stop = asyncio.Event()
            def told(paths):
                print("told", *paths)
                stop.set()
            highest = os.dup(0)
            os.close(highest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))  # no descriptor is left for an inotify
            asyncio.get_running_loop().call_later(0.3, os.truncate, sys.argv[1], 0)
            await watch_files(Paths([sys.argv[1]]), told, stop=stop, poll_s=0.1)

        logger()
        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(token)], capture_output=True, text=True, timeout=20, check=False
    )
    assert f"told {token}" in done.stdout, done.stderr
    assert done.stdout.count("WatchUnavailable") == 1
    assert done.returncode == 0


def test_cancelling_waits_for_nothing(tmp_path: Path) -> None:
    async def story() -> float:
        loop = asyncio.get_running_loop()
        watch = asyncio.create_task(watch_files(Paths([str(tmp_path / "token")]), print))
        await asyncio.wait({watch}, timeout=0.2)
        started = loop.time()
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        return loop.time() - started

    assert asyncio.run(story()) < 30  # and not with the next minute's look


def test_with_nothing_to_watch_it_waits_for_the_stop() -> None:
    async def story() -> float:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(7, stop.set)
        await watch_files(Paths(), print, stop=stop)
        return asyncio.get_running_loop().time()

    assert run(story()) == 7
