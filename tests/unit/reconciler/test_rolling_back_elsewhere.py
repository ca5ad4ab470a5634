"""Rollbacks beside other things: keys that vanish under ``prune``, tolerated edits, checks in place, other layouts."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import ReloadFailed, RolledBack
from config_sync.model import Layout, OnDrift, OnFailure, ReloadResult, Validate
from config_sync.workqueue import Wake
from tests.unit.reconciler.test_key_files import key_set, on_disk
from tests.unit.reconciler.test_rolling_back import failing, layouts, rolling
from tests.unit.reconciler.world import World, checker


def test_while_a_revision_is_refused_no_key_of_the_one_before_is_pruned(world: World) -> None:
    target = dataclasses.replace(key_set(world), on_failure=OnFailure.ROLLBACK, prune=True)
    world.service.put("app", {"a": "1", "b": "2"})
    world.sync(target)
    world.service.put("app", {"b": "2", "c": "bad"})
    world.reload.script.append(failing())
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    for _ in range(2):
        assert isinstance(world.sync(target, Wake.RESYNC).error, RolledBack)
        assert on_disk(world) == {"a": b"1", "b": b"2"}
        assert {path.rpartition("/")[2] for path in world.record.written} == {"a", "b"}
    assert (len(world.reload.orders), world.owes()) == (3, False)
    world.restart()
    assert isinstance(world.sync(target).error, RolledBack)
    assert on_disk(world) == {"a": b"1", "b": b"2"}
    world.service.put("app", {"c": "3"})
    assert world.sync(target, Wake.EVENT).error is None
    assert on_disk(world) == {"c": b"3"}


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE], ids=lambda one: one.value)
@layouts
def test_an_edit_that_was_tolerated_is_so_again_after_a_rollback(
    world: World, layout: Layout, on_drift: OnDrift
) -> None:
    target = dataclasses.replace(rolling(world.target(), layout=layout), on_drift=on_drift)
    world.service.put("app", {"port": 1})
    world.sync(target)
    written = dict(world.record.written)
    edit(world, b"edited")
    world.service.put("app", {"port": 2})
    world.reload.script.append(failing())
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    assert (world.path.read_bytes(), dict(world.record.written)) == (b"edited", written)
    orders = len(world.reload.orders)
    world.service.put("app", {"port": 1})  # taken back at the service: what was tolerated then is tolerated now
    assert world.sync(target, Wake.EVENT).reason == "DriftTolerated"
    assert (world.path.read_bytes(), world.owes(), len(world.reload.orders)) == (b"edited", False, orders)


def test_a_check_in_place_that_says_no_beside_a_tolerated_edit_makes_nothing_owed(world: World) -> None:
    target = rolling(world.target(validate=checker('! grep -q bad "$1"', in_place=True)))
    target = dataclasses.replace(target, on_drift=OnDrift.REPORT)
    world.service.put("app", {"port": 1})
    world.sync(target)
    edit(world, b"edited")
    world.service.put("app", {"port": "bad"})
    assert world.sync(target, Wake.EVENT).reason == "CheckRejected"
    assert (world.path.read_bytes(), world.owes(), len(world.reload.orders)) == (b"edited", False, 1)


def test_a_check_in_place_that_says_no_leaves_the_way_back_of_a_version_that_is_owed(world: World) -> None:
    """v2 changes one file and is not told yet, v3 changes the other and is refused, v4 does and is not lived with."""
    target = rolling(
        world.target(
            world.spec("a.json", "a"),
            world.spec("b.json", "b"),
            validate=Validate(_none_is_bad(world), in_place=True),
        )
    )
    world.service.put("a", {"v": 1})
    world.service.put("b", {"v": 1})
    assert world.sync(target).error is None
    world.service.put("a", {"v": 2})
    world.reload.script.extend([ReloadResult.WAITING_FOR_CONSUMER] * 2)
    world.sync(target, Wake.EVENT)
    world.service.put("b", {"v": "bad"})
    assert world.sync(target, Wake.EVENT).reason == "CheckRejected"
    world.service.put("b", {"v": 4})
    world.reload.script.clear()
    world.reload.script.append(failing())
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RolledBack), outcome.error
    assert [(world.etc / name).read_bytes() for name in ("a.json", "b.json")] == [b'{"v": 1}', b'{"v": 1}']
    assert world.names == ["a.json", "b.json"]


def _none_is_bad(world: World) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"if grep -q bad {world.etc}/*.json; then exit 1; fi; : {{file:a.json}} {{file:b.json}}")


@pytest.mark.parametrize("before", Layout, ids=lambda one: one.value)
def test_what_another_layout_has_held_is_no_reason_to_remove_a_file(world: World, before: Layout) -> None:
    """The settings change the layout while a reload is owed: what was kept for the one is nothing for the other."""
    after = Layout.DIRECTORY if before is Layout.FILES else Layout.FILES
    world.service.put("app", {"port": 1})
    world.sync(rolling(world.target(), layout=before))
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadResult.WAITING_FOR_CONSUMER)
    world.sync(rolling(world.target(), layout=before), Wake.EVENT)
    world.reload.script.clear()
    world.reload.script.extend([failing(), failing()])
    outcome = world.sync(rolling(world.target(), layout=after), Wake.SETTINGS)
    assert isinstance(outcome.error, ReloadFailed | RolledBack)
    assert world.path.read_bytes() in (b'{"port": 1}', b'{"port": 2}')


def edit(world: World, content: bytes) -> None:
    """By hand, as an editor does where the file is a link of a set: into what it leads to."""
    world.path.write_bytes(content)
