"""A process killed at any system call of a pass, the cache's own included: record and cache agree after a restart.

Also into an outage with an empty memory file system, which leaves nothing but the two. Nothing decrypted is ever there.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed, RolledBack, ServiceUnavailable
from config_sync.model import OnFailure, Record, ReloadOrder, ReloadResult, StopSignal, Target
from tests.fakes import FakeReload, unavailable
from tests.unit.reconciler.world import World

KILLED = 9
EVERY = 5
"""So that it stays quick; a step that differs is longer than that many calls."""
CANARY = "canary-f2f9be0c"


class Frail(FakeReload):
    """It cannot live with content that has ``bad`` in it."""

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        result = super().run(order, stop)
        if any("bad" in Path(path).read_text() for path in order.files):
            raise ReloadFailed("it died of it")
        return result


def killed_at(call: int, world: World, target: Target) -> bool:
    """One pass of a new process that dies at its `call`-th system call; False: it came to its end before."""
    child = os.fork()
    if child == 0:
        left = call

        def gate(_call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(KILLED)

        try:
            world.restart(gate=gate, records_gate=gate, cache_gate=gate)
            world.start(target)
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def leaks(world: World) -> list[str]:
    """Files of the state directory that hold a value of the document."""
    files = [path for path in world.state.rglob("*") if path.is_file()]
    assert any(path.parent.name == "cache" for path in files)
    return [path.name for path in files if CANARY.encode() in path.read_bytes()]


def another(world: World, call: int) -> World:
    """A new one below the first, which is in memory where there is such a place."""
    place = world.directory / str(call)
    place.mkdir()
    return World(place)


def port(number: object) -> str:
    return json.dumps({"port": number, "password": CANARY})


def revision(record: Record) -> str:
    assert record.revision is not None
    return record.revision


@pytest.mark.parametrize("told", [True, False], ids=["with a reload", "without"])
@pytest.mark.parametrize("after", ["the service", "an outage", "an outage and an empty disk"])
def test_killed_at_any_call_of_a_sync(world: World, after: str, told: bool) -> None:
    base = world
    for call in range(1, 1000, EVERY):
        world = another(base, call)
        target = world.target(reload=None if told else ())
        world.service.put("app", port(1).encode())
        world.sync(target)
        world.service.put("app", port(2).encode())
        is_dead = killed_at(call, world, target)
        assert leaks(world) == []
        on_disk = world.path.read_text()
        if after != "the service":
            world.service.outage = unavailable()
        if after == "an outage and an empty disk":
            world.path.unlink()
        world.restart()
        is_kept = len(world.kept()) == 2
        is_recorded = world.kept()[0].revision == world.record.revision
        outcome = world.start(target)
        there = world.path.read_text()
        match after:
            case "the service":
                assert (outcome.error, there) == (None, port(2))
                assert world.kept()[0].revision == revision(world.record)
                assert len(world.kept()) == 2
            case "an outage":
                assert isinstance(outcome.error, ServiceUnavailable)
                assert there == on_disk or (not told and not is_kept), "what no record and no cache knows is undone"
            case _:
                assert isinstance(outcome.error, ServiceUnavailable)
                assert there == port(2 if is_kept and (told or is_recorded) else 1)
        assert world.path.read_text() == there
        assert leaks(world) == []
        world.service.outage = None
        world.restart()
        assert world.start(target).error is None
        assert world.path.read_text() == port(2)
        assert world.kept()[0].revision == revision(world.record)
        assert not world.owes()
        if not is_dead:
            break
    else:
        raise AssertionError("it never came to its end")


def test_killed_at_any_call_of_a_rollback_the_refused_is_never_served(world: World) -> None:
    base = world
    for call in range(1, 1000, EVERY):
        world = another(base, call)
        reload = Frail()
        target = dataclasses.replace(world.target(reload=(reload,)), on_failure=OnFailure.ROLLBACK)
        world.service.put("app", port(1).encode())
        world.sync(target)
        world.service.put("app", port("bad").encode())
        is_dead = killed_at(call, world, target)
        assert leaks(world) == []
        world.restart()
        assert isinstance(world.start(target).error, RolledBack)
        assert world.record.revision == world.kept()[1].revision
        assert [one.refused_by for one in world.kept()] == [("app",), ()]
        world.path.unlink()
        world.service.outage = unavailable()
        world.restart()
        assert isinstance(world.start(target).error, ServiceUnavailable)
        assert world.path.read_text() == port(1)
        world.service.outage = None
        world.restart()
        assert isinstance(world.start(target).error, RolledBack)
        assert world.path.read_text() == port(1)
        if not is_dead:
            break
    else:
        raise AssertionError("it never came to its end")


def test_killed_at_any_call_of_a_start_without_the_service_the_next_one_serves(world: World) -> None:
    base = world
    for call in range(1, 1000, EVERY):
        world = another(base, call)
        target = world.target()
        world.service.put("app", port(1).encode())
        world.sync(target)
        world.path.unlink()
        world.service.outage = unavailable()
        is_dead = killed_at(call, world, target)
        assert not world.path.exists() or world.path.read_text() == port(1)
        world.restart()
        world.start(target)
        assert world.path.read_text() == port(1)
        assert not world.owes()
        assert leaks(world) == []
        if not is_dead:
            break
    else:
        raise AssertionError("it never came to its end")
