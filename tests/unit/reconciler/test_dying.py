"""A process that is killed at any system call of a checked publish: the next one puts everything right."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed, RolledBack
from config_sync.model import Layout, OnFailure, ReloadOrder, ReloadResult, StopSignal, Target, Validate
from config_sync.workqueue import Wake
from tests.fakes import FakeReload
from tests.unit.reconciler.world import World

KILLED = 9
EVERY = 7
"""Each seventh call, so that it stays quick; what happens between two of them is one call of many alike."""


class Noting(FakeReload):
    """Notes what it read in a file too, so that it is known after a death."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self.notes = notes

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        with self.notes.open("a") as file:
            file.write("+".join(Path(path).read_text() for path in order.files) + "\n")
        return super().run(order, stop)


class Frail(Noting):
    """It cannot live with content that has ``bad`` in it."""

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        result = super().run(order, stop)
        if any("bad" in Path(path).read_text() for path in order.files):
            raise ReloadFailed("it died of it")
        return result


def killed_at(call: int, world: World, target: Target) -> bool:
    """One pass in a process of its own that dies at its `call`-th system call; False: it came to its end before."""
    child = os.fork()
    if child == 0:
        left = call

        def gate(_call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(KILLED)

        try:
            world.restart(gate=gate, records_gate=gate)
            world.sync(target)
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


@pytest.mark.parametrize("way", ["staged", "in_place", "as-a-set"])
@pytest.mark.parametrize("content", [2, "bad"], ids=["good", "bad"])
def test_killed_at_any_call_refused_content_never_reaches_the_consumer_and_good_content_does(
    tmp_path: Path, way: str, content: object
) -> None:
    script = 'grep -q bad "$1"/a.json "$1"/b.json && exit 1; exit 0'
    validate = Validate(("/bin/sh", "-c", script, "sh", "{dir}"), in_place=way == "in_place")
    for call in range(1, 1000, EVERY):
        place = tmp_path / str(call)
        place.mkdir()
        world = World(place)
        files = world.spec("a.json"), world.spec("b.json")
        reload = Noting(world.directory / "notes")
        target = world.target(*files, validate=validate, reload=(reload,))
        target = dataclasses.replace(target, layout=Layout.DIRECTORY if way == "as-a-set" else Layout.FILES)
        world.service.put("app", {"port": -call})
        world.sync(target)
        world.service.put("app", {"port": content})
        if not killed_at(call, world, target):
            break
        if way == "as-a-set":
            assert len({Path(spec.path).read_text() for spec in files}) == 1
        world.restart()
        world.sync(target)
        good = json.dumps({"port": -call if content == "bad" else content})
        assert [Path(spec.path).read_text() for spec in files] == [good, good]
        assert reload.notes.read_text().splitlines()[-1] == f"{good}+{good}"
        assert not world.owes()
        assert "bad" not in reload.notes.read_text()
    else:
        raise AssertionError("it never came to its end")


@pytest.mark.parametrize("way", ["staged", "in_place", "as-a-set", "as-a-set-in-place"])
def test_killed_at_any_call_of_a_rollback_the_consumer_ends_with_the_old_bytes_and_they_stay(
    tmp_path: Path, way: str
) -> None:
    check = Validate(("true", "{dir}"), in_place="place" in way)
    for call in range(1, 2000, 2 * EVERY - 1):
        place = tmp_path / str(call)
        place.mkdir()
        world = World(place)
        files = world.spec("a.json"), world.spec("b.json")
        reload = Frail(world.directory / "notes")
        target = dataclasses.replace(
            world.target(*files, validate=check, reload=(reload,)),
            layout=Layout.DIRECTORY if "set" in way else Layout.FILES,
            on_failure=OnFailure.ROLLBACK,
        )
        good = json.dumps({"port": -call})
        world.service.put("app", {"port": -call})
        world.sync(target)
        world.service.put("app", {"port": "bad"})
        if not killed_at(call, world, target):
            break
        world.restart()
        outcome = world.sync(target)
        assert isinstance(outcome.error, RolledBack)
        assert [Path(spec.path).read_text() for spec in files] == [good, good]
        notes = reload.notes.read_text().splitlines()
        assert notes[-1] == f"{good}+{good}"
        assert (world.record.version, world.owes()) == (1, False)
        assert isinstance(world.sync(target, Wake.RESYNC).error, RolledBack)
        assert reload.notes.read_text().splitlines() == notes, "what is refused is not tried again"
        world.service.put("app", {"port": 3})
        assert world.sync(target, Wake.EVENT).error is None
        assert [name for name in world.names if name.endswith((".old", ".tmp"))] == []
        assert not world.owes()
    else:
        raise AssertionError("it never came to its end")


def test_killed_at_any_call_of_a_prune_the_file_goes_and_the_consumer_is_told(world: World) -> None:
    world.service.put("app", {"port": 1})
    reload = Noting(world.directory / "notes")
    both = world.target(world.spec("a.json"), world.spec("b.json"), reload=(reload,))
    one = dataclasses.replace(world.target(world.spec("a.json"), reload=(reload,)), prune=True)
    for call in range(1, 1000, EVERY):
        world.restart()
        world.sync(both)
        world.sync(both)
        told = len(reload.notes.read_text().splitlines())
        is_dead = killed_at(call, world, one)
        world.restart()
        world.sync(one)
        assert not (world.etc / "b.json").exists()
        assert not world.owes()
        assert len(reload.notes.read_text().splitlines()) > told
        if not is_dead:
            break
    else:
        raise AssertionError("it never came to its end")
