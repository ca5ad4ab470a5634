"""Rollbacks beside other things: keys that vanish under ``prune``, tolerated edits, checks in place, other layouts."""

from __future__ import annotations

import dataclasses
import os

import pytest

from config_sync.errors import ReloadFailed, RolledBack
from config_sync.model import Layout, OnDrift, OnFailure, ReloadResult, Validate
from config_sync.workqueue import Wake
from tests.unit.reconciler.test_dying import EVERY, Frail, killed_at
from tests.unit.reconciler.test_key_files import key_set, on_disk
from tests.unit.reconciler.test_rolling_back import failing, layouts, rolling
from tests.unit.reconciler.world import World, checker, seen


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


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE], ids=lambda one: one.value)
@layouts
def test_an_edit_beside_the_file_that_changes_neither_hinders_a_rollback_nor_is_touched_by_it(
    world: World, layout: Layout, on_drift: OnDrift
) -> None:
    files = world.spec("a.json", "a"), world.spec("b.json", "b")
    target = dataclasses.replace(rolling(world.target(*files), layout=layout), on_drift=on_drift)
    a, b = world.etc / "a.json", world.etc / "b.json"
    world.service.put("a", {"v": 1})
    world.service.put("b", {"v": 1})
    world.sync(target)
    written = dict(world.record.written)
    b.write_bytes(b"edited")
    world.service.put("a", {"v": 2})
    world.reload.script.append(failing())
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RolledBack), outcome.error
    assert (a.read_bytes(), b.read_bytes(), dict(world.record.written)) == (b'{"v": 1}', b"edited", written)
    world.service.put("a", {"v": 3})
    assert world.sync(target, Wake.EVENT).error is None
    assert (a.read_bytes(), b.read_bytes(), world.owes()) == (b'{"v": 3}', b"edited", False)


def test_what_was_edited_and_is_as_we_wrote_it_again_is_not_removed(world: World) -> None:
    """Somebody takes his edit back while the consumer dies of the other file."""
    files = world.spec("a.json", "a"), world.spec("b.json", "b")
    target = dataclasses.replace(rolling(world.target(*files)), on_drift=OnDrift.REPORT)
    world.service.put("a", {"v": 1})
    world.service.put("b", {"v": 1})
    world.sync(target)
    b = world.etc / "b.json"
    b.write_bytes(b"edited")
    world.service.put("a", {"v": 2})

    def takes_it_back() -> None:
        b.write_bytes(b'{"v": 1}')
        raise failing()

    world.reload.script.append(takes_it_back)
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    assert [(world.etc / name).read_bytes() for name in ("a.json", "b.json")] == [b'{"v": 1}', b'{"v": 1}']


def test_a_repair_of_attributes_while_a_revision_is_refused_takes_no_key_away(world: World) -> None:
    target = dataclasses.replace(key_set(world), on_failure=OnFailure.ROLLBACK)
    world.service.put("app", {"a": "1", "b": "2"})
    world.sync(target)
    for refused in ({"b": "2"}, {"b": "3", "c": "4"}):
        world.service.put("app", refused)
        world.reload.script.append(failing())
        assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
        for name in ("a", "b"):
            (world.etc / name).chmod(0o666)
            assert isinstance(world.sync(target, Wake.RESYNC).error, RolledBack)
            assert on_disk(world) == {"a": b"1", "b": b"2"}
            assert {(world.etc / one).stat().st_mode & 0o777 for one in ("a", "b")} == {0o640}


def test_a_key_that_was_put_back_and_is_taken_away_brings_the_newest(world: World) -> None:
    target = dataclasses.replace(key_set(world), on_failure=OnFailure.ROLLBACK)
    world.service.put("app", {"a": "1", "b": "2"})
    world.sync(target)
    world.service.put("app", {"b": "3"})
    world.reload.script.append(failing())
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    (world.etc / "a").unlink()
    assert world.sync(target, Wake.RESYNC).error is None
    assert on_disk(world) == {"b": b"3"}


@layouts
def test_a_file_that_the_settings_dropped_and_prune_took_is_there_again(world: World, layout: Layout) -> None:
    """The settings that drop it come with the revision that the consumer cannot live with."""
    both = world.target(world.spec("a.json", "a"), world.spec("b.json", "b"))
    world.service.put("a", {"v": 1})
    world.service.put("b", {"v": 1})
    world.sync(rolling(both, layout=layout))
    target = dataclasses.replace(rolling(world.target(world.spec("a.json", "a")), layout=layout), prune=True)
    a, b = world.etc / "a.json", world.etc / "b.json"
    before = seen(b)
    world.service.put("a", {"v": 2})

    def dies() -> None:
        assert (a.read_bytes(), b.exists()) == (b'{"v": 2}', False)
        raise failing()

    world.reload.script.append(dies)
    assert isinstance(world.sync(target, Wake.SETTINGS).error, RolledBack)
    for wake in (Wake.RESYNC, Wake.FILES, Wake.RELOAD_RETRY):
        assert (a.read_bytes(), seen(b)) == (b'{"v": 1}', before)
        assert not world.owes()
        world.sync(target, wake)
    assert [name for name in world.names if name.endswith(".old")] == []
    orders = len(world.reload.orders)
    world.service.put("a", {"v": 3})
    assert world.sync(target, Wake.EVENT).error is None
    assert (a.read_bytes(), b.exists(), len(world.reload.orders)) == (b'{"v": 3}', False, orders + 1)
    assert not {*world.record.written, *world.record.dropped} & {str(b)}
    assert [name for name in world.names if name.endswith(".old")] == []


@layouts
@pytest.mark.parametrize("prune", [True, False], ids=["prune", "keep"])
def test_killed_at_any_call_what_a_rollback_brings_back_is_whole(world: World, layout: Layout, prune: bool) -> None:
    for call in range(1, 10_000, EVERY):
        place = world.directory / str(call)
        place.mkdir()
        one = World(place)
        both = one.target(one.spec("a.json", "a"), one.spec("b.json", "b"), reload=(Frail(place / "notes"),))
        one.service.put("a", {"v": 1})
        one.service.put("b", {"v": 1})
        assert one.sync(rolling(both, layout=layout)).error is None
        target = dataclasses.replace(rolling(both, layout=layout), files=both.files[:1], prune=prune)
        one.service.put("a", {"v": "bad"})
        has_died = killed_at(call, one, target)
        one.restart()
        assert isinstance(one.sync(target).error, RolledBack)
        b = one.etc / "b.json"
        assert (one.etc / "a.json").read_bytes() == b'{"v": 1}'
        assert b.read_bytes() == b'{"v": 1}'
        assert (place / "notes").read_text().splitlines()[-1] == '{"v": 1}'
        assert not one.owes()
        one.service.put("a", {"v": 3})
        assert one.sync(target, Wake.EVENT).error is None
        assert b.exists() is not (prune or layout is Layout.DIRECTORY)
        if not has_died:
            return
    raise AssertionError("the pass never came to its end")


def test_a_dropped_file_that_is_named_again_goes_back_as_one_that_is_named(world: World) -> None:
    both = rolling(world.target(world.spec("a.json", "a"), world.spec("b.json", "b")))
    for name in "ab":
        world.service.put(name, {"v": 1})
    world.sync(both)
    world.sync(dataclasses.replace(both, files=both.files[:1]), Wake.SETTINGS)
    for name in "ab":
        world.service.put(name, {"v": 2})
    world.reload.script.append(failing())
    assert isinstance(world.sync(both, Wake.SETTINGS).error, RolledBack)
    assert [(world.etc / name).read_bytes() for name in world.names] == [b'{"v": 1}', b'{"v": 1}']
    assert (len(world.record.written), dict(world.record.dropped)) == (2, {})


def test_a_publish_that_changes_nothing_leaves_nothing_held(world: World) -> None:
    both = rolling(world.target(world.spec("a.json", "a"), world.spec("b.json", "b")))
    for name in "ab":
        world.service.put(name, {"v": 1})
    world.sync(both)
    world.service.put("a", {"v": 2})

    def fails(call: str) -> None:
        if call == "rename":
            raise OSError(5, os.strerror(5))

    world.restart(gate=fails)
    outcome = world.sync(dataclasses.replace(both, files=both.files[:1], prune=True))
    assert (outcome.reason, world.names) == ("IoError", ["a.json", "b.json"])


def edit(world: World, content: bytes) -> None:
    """By hand, as an editor does where the file is a link of a set: into what it leads to."""
    world.path.write_bytes(content)
