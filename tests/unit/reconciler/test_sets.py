"""Several files as one set, files that the settings no longer name, and the first sync of many at once."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.model import Layout, ReloadResult, Result, Target, Validate, WriteMode
from config_sync.workqueue import Wake
from tests.unit.reconciler.world import World


class Death(BaseException):
    """The process is killed at this point."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.service.put("a", {"v": 1})
    made.service.put("b", {"v": 1})
    return made


def as_set(world: World, *names: str, prune: bool = False) -> Target:
    target = world.target(*(world.spec(f"{name}.json", name) for name in names or ("a", "b")))
    return dataclasses.replace(target, layout=Layout.DIRECTORY, prune=prune)


def read(world: World, name: str) -> str:
    return (world.etc / f"{name}.json").read_text()


def generation(world: World) -> str:
    return os.readlink(world.etc / "..data")


def test_both_files_switch_together_and_the_consumer_is_told_once(world: World) -> None:
    target = as_set(world)
    assert world.sync(target).reload is ReloadResult.RELOADED
    first = generation(world)
    world.service.put("a", {"v": 2})
    world.service.put("b", {"v": 2})

    outcome = world.sync(target, Wake.EVENT)

    assert (outcome.result, len(outcome.wrote)) == (Result.CHANGED, 2)
    assert (read(world, "a"), read(world, "b")) == ('{"v": 2}', '{"v": 2}')
    assert generation(world) != first
    assert len(world.reload.orders) == 2


def test_nothing_new_makes_no_write_and_tells_nobody(world: World) -> None:
    target = as_set(world)
    world.sync(target)
    before = generation(world)

    outcome = world.sync(target, Wake.RESYNC)

    assert (outcome.result, generation(world), len(world.reload.orders)) == (Result.UNCHANGED, before, 1)


def test_a_refused_set_is_never_visible(world: World) -> None:
    refuses_13 = Validate(("/bin/sh", "-c", '! grep -q 13 "$1/b.json"', "sh", "{dir}"))
    target = dataclasses.replace(as_set(world), validate=refuses_13)
    assert world.sync(target).error is None
    before = generation(world)
    world.service.put("a", {"v": 2})
    world.service.put("b", {"v": 13})

    outcome = world.sync(target, Wake.EVENT)

    assert outcome.error is not None
    assert (outcome.error.reason, generation(world), read(world, "a")) == ("CheckRejected", before, '{"v": 1}')


def test_a_name_that_left_the_settings_leaves_the_set_and_the_consumer_is_told(world: World) -> None:
    world.sync(as_set(world))

    world.sync(as_set(world, "a"), Wake.SETTINGS)

    assert "b.json" not in world.names
    assert len(world.reload.orders) == 2
    assert not world.owes()


def test_plain_files_become_a_set_without_a_moment_between(world: World) -> None:
    target = as_set(world)
    world.sync(dataclasses.replace(target, layout=Layout.FILES))
    assert not (world.etc / "a.json").is_symlink()

    outcome = world.sync(target, Wake.SETTINGS)

    assert outcome.error is None
    assert (world.etc / "a.json").is_symlink()
    assert read(world, "a") == '{"v": 1}'


@pytest.mark.parametrize("prune", [True, False], ids=["prune", "keep"])
def test_a_file_that_left_the_settings_is_removed_only_with_prune(world: World, prune: bool) -> None:
    both = world.target(world.spec("a.json", "a"), world.spec("b.json", "b"))
    world.sync(both)

    one = dataclasses.replace(world.target(world.spec("a.json", "a")), prune=prune)
    outcome = world.sync(one, Wake.SETTINGS)

    assert outcome.error is None
    assert ("b.json" in world.names) is not prune
    assert [Path(path).name for path in world.record.dropped] == ([] if prune else ["b.json"])
    assert len(world.reload.orders) == (2 if prune else 1)
    assert (world.record.written_at == world.clock.now()) is prune, "who started before it has not seen it go"
    assert not world.owes()
    world.sync(one, Wake.RESYNC)
    assert len(world.reload.orders) == (2 if prune else 1)


def test_a_dropped_file_that_is_pruned_later_is_told(world: World) -> None:
    world.sync(world.target(world.spec("a.json", "a"), world.spec("b.json", "b")))
    one = world.target(world.spec("a.json", "a"))
    world.sync(one, Wake.SETTINGS)
    assert len(world.reload.orders) == 1

    world.reload.script.append(Death())
    with pytest.raises(Death):
        world.sync(dataclasses.replace(one, prune=True), Wake.SETTINGS)

    assert ("b.json" in world.names, world.owes()) == (False, True)
    world.restart()
    assert world.sync(one).reload is ReloadResult.RELOADED
    assert not world.owes()


def test_a_file_that_somebody_changed_is_not_pruned(world: World) -> None:
    world.sync(world.target(world.spec("a.json", "a"), world.spec("b.json", "b")))
    (world.etc / "b.json").write_text("mine")

    world.sync(dataclasses.replace(world.target(world.spec("a.json", "a")), prune=True), Wake.SETTINGS)

    assert (world.etc / "b.json").read_text() == "mine"
    assert [Path(path).name for path in world.record.dropped] == ["b.json"]


def test_a_dropped_file_that_is_named_again_is_ours_again(world: World) -> None:
    both = world.target(world.spec("a.json", "a"), world.spec("b.json", "b"))
    world.sync(both)
    world.sync(world.target(world.spec("a.json", "a")), Wake.SETTINGS)

    world.sync(both, Wake.SETTINGS)

    assert not world.record.dropped
    assert len(world.reload.orders) == 1


def test_many_first_files_of_one_target_are_written_in_one_go(world: World) -> None:
    names = [f"c{number}" for number in range(100)]
    for name in names:
        world.service.put(name, {"name": name})
    calls: list[str] = []
    world.restart(gate=calls.append)

    outcome = world.sync(world.target(*(world.spec(f"{name}.json", name) for name in names)))

    assert (outcome.error, len(outcome.wrote), len(world.reload.orders)) == (None, 100, 1)
    assert all(read(world, name) == f'{{"name": "{name}"}}' for name in names)
    assert calls.count("fsync") < 150, "one for each file, and few for the directory"


def test_one_of_many_fails_the_others_are_written(world: World) -> None:
    (world.etc / "b.json").mkdir()

    outcome = world.sync(world.target(world.spec("a.json", "a"), world.spec("b.json", "b")))

    assert isinstance(outcome.error, FileError)


def test_a_file_in_place_keeps_its_inode(world: World) -> None:
    spec = dataclasses.replace(world.spec("a.json", "a"), write=WriteMode.IN_PLACE)
    world.sync(world.target(spec))
    inode = (world.etc / "a.json").stat().st_ino
    world.service.put("a", {"v": 2})

    outcome = world.sync(world.target(spec), Wake.EVENT)

    assert (outcome.result, read(world, "a")) == (Result.CHANGED, '{"v": 2}')
    assert (world.etc / "a.json").stat().st_ino == inode
