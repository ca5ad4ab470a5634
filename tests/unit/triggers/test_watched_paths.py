"""What is watched may change under a watch that runs: what stays is told once and never lost, what is new is told."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from config_sync.triggers.watching import Paths, watch_files
from tests.waiting import eventually


class Watching:
    """A watch in a loop and a thread of its own."""

    def __init__(self) -> None:
        self.told: list[frozenset[str]] = []
        self.loop = asyncio.new_event_loop()
        self._paths = Paths()

    async def run(self, paths: Sequence[Path], is_ready: threading.Event, stop: asyncio.Event, polls: bool) -> None:
        self._paths = Paths(map(str, paths))
        self.loop.call_soon(is_ready.set)
        await watch_files(self._paths, self.told.append, stop=stop, step_ms=25, poll_s=0.05, force_polling=polls)

    def put(self, *paths: Path) -> None:
        """Watch exactly these from now on."""
        self.loop.call_soon_threadsafe(self._paths.put, list(map(str, paths)))

    def has_told(self, name: str, times: int) -> bool:
        return self.names.count(name) >= times

    @property
    def names(self) -> list[str]:
        return [Path(path).name for paths in self.told for path in sorted(paths)]


@contextlib.contextmanager
def watching(*paths: Path, polls: bool = False) -> Iterator[Watching]:
    watch, is_ready, stop = Watching(), threading.Event(), asyncio.Event()
    thread = threading.Thread(
        target=lambda: watch.loop.run_until_complete(watch.run(paths, is_ready, stop, polls)), daemon=True
    )
    thread.start()
    assert is_ready.wait(60)
    try:
        yield watch
    finally:
        watch.loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()
        watch.loop.close()


@pytest.mark.parametrize("polls", [False, True], ids=["events", "polling"])
def test_a_path_that_is_added_is_told_and_then_its_changes(tmp_path: Path, polls: bool) -> None:
    old, new = tmp_path / "old", tmp_path / "elsewhere" / "new"
    new.parent.mkdir()
    new.write_text("written before it was watched")
    with watching(old, polls=polls) as watch:
        watch.put(old, new)
        eventually(lambda: watch.names == ["new"])
        new.write_text("changed")
        eventually(lambda: watch.names.count("new") >= 2)
        old.write_text("still watched")
        eventually(lambda: "old" in watch.names)


@pytest.mark.parametrize("polls", [False, True], ids=["events", "polling"])
def test_nothing_may_be_watched_at_first_and_again_later(tmp_path: Path, polls: bool) -> None:
    path = tmp_path / "file"
    with watching(polls=polls) as watch:
        watch.put(path)
        eventually(lambda: watch.names == ["file"])
        watch.put()
        watch.put(path)
        path.write_text("changed")
        eventually(lambda: len(watch.names) >= 2)


def test_a_change_of_what_stays_is_told_whenever_others_come_and_go(tmp_path: Path) -> None:
    stays = tmp_path / "stays"
    with watching(stays) as watch:
        for number in range(20):
            before = watch.names.count("stays")
            stays.write_text(f"change {number}")
            watch.put(stays, *(tmp_path / f"d{one}" / "file" for one in range(number % 3)))
            eventually(functools.partial(watch.has_told, "stays", before + 1))
