"""Files that the settings no longer name are gone for good before the record forgets them, and the consumer is told."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import pytest

from config_sync.errors import FileError, ReloadFailed
from config_sync.model import AbsolutePath, ReloadResult, Target
from config_sync.reconciler import Reconciler
from config_sync.workqueue import Wake
from tests.unit.files.world import FailFrom
from tests.unit.reconciler.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two files of one target were written and told of."""
    made = World(tmp_path)
    made.service.put("app", {"v": 1})
    made.sync(both(made))
    made.sync(both(made))
    assert len(made.reload.orders) == 1
    return made


def both(world: World) -> Target:
    return world.target(world.spec("a.json"), world.spec("b.json"))


def one(world: World, *, prune: bool = True) -> Target:
    return dataclasses.replace(world.target(world.spec("a.json")), prune=prune)


def dropped(world: World) -> list[str]:
    return [Path(path).name for path in world.record.dropped]


class Steps:
    """A gate that notes the calls; the directory of the files cannot be synced after an unlink, while `is_ill`."""

    def __init__(self, *, is_ill: bool = False) -> None:
        self.calls: list[str] = []
        self.is_ill = is_ill

    def __call__(self, call: str) -> None:
        self.calls.append(call)
        if call == "fsync" and self.is_ill:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def restarted(world: World, *, is_ill: bool = False) -> Steps:
    """A new process that has seen all of it to be durable."""
    steps = Steps()
    world.restart(gate=steps)
    world.sync(both(world))
    steps.calls.clear()
    steps.is_ill = is_ill
    return steps


@pytest.mark.parametrize("prune", [True, False], ids=["prune", "keep"])
def test_a_file_that_a_dead_process_removed_is_gone_for_good_before_it_is_forgotten(world: World, prune: bool) -> None:
    log: list[str] = []
    world.restart(gate=lambda call: log.append(f"file {call}"), records_gate=lambda call: log.append(f"record {call}"))
    world.sync(both(world))
    (world.etc / "b.json").unlink()
    log.clear()

    world.sync(one(world, prune=prune), Wake.SETTINGS)

    assert log.count("file fsync") == 1
    assert log.index("file fsync") < log.index("record rename")
    assert (dropped(world), len(world.reload.orders)) == ([], 2)


@pytest.mark.parametrize("prune", [True, False], ids=["prune", "keep"])
def test_a_removal_that_may_be_undone_is_not_forgotten_and_told_once(
    world: World, prune: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = restarted(world, is_ill=True)
    if not prune:
        (world.etc / "b.json").unlink()

    assert world.sync(one(world, prune=prune), Wake.SETTINGS).reload is ReloadResult.RELOADED
    assert (world.names, dropped(world)) == (["a.json"], ["b.json"])
    assert "a power cut may bring it back" in capsys.readouterr().out
    assert world.sync(one(world, prune=prune), Wake.RESYNC).reload is None
    assert (dropped(world), len(world.reload.orders)) == (["b.json"], 2)

    steps.is_ill = False
    world.sync(one(world, prune=prune), Wake.RESYNC)
    assert (dropped(world), len(world.reload.orders), world.owes()) == ([], 2, False)


def test_a_file_that_came_back_by_a_power_cut_goes_again_and_is_told_again(world: World) -> None:
    before = (world.etc / "b.json").read_bytes()
    restarted(world, is_ill=True)
    world.sync(one(world), Wake.SETTINGS)
    (world.etc / "b.json").write_bytes(before)
    world.restart()

    world.sync(one(world))

    assert (world.names, dropped(world), len(world.reload.orders)) == (["a.json"], [], 3)


@pytest.mark.parametrize("is_key_set", [False, True], ids=["file", "set-of-keys"])
def test_a_file_that_went_to_another_target_is_not_taken_from_it(world: World, is_key_set: bool) -> None:
    moved = world.etc if is_key_set else world.etc / "b.json"
    world.reconciler = Reconciler(
        world.service,
        keys=world.keys,
        records=world.records,
        disk=world.disk,
        clock=world.clock,
        named={world.spec("a.json").path, AbsolutePath(str(moved))},
    )

    assert world.sync(one(world), Wake.SETTINGS).reload is None

    assert (world.names, dropped(world), world.owes()) == (["a.json", "b.json"], [], False)


def test_a_reload_that_fails_after_a_late_prune_stays_owed(world: World) -> None:
    world.sync(one(world, prune=False), Wake.SETTINGS)
    assert (dropped(world), len(world.reload.orders)) == (["b.json"], 1)
    world.reload.script.append(ReloadFailed("it is ill"))

    world.sync(one(world), Wake.SETTINGS)

    assert (world.names, dropped(world), world.owes()) == (["a.json"], [], True)
    world.restart()
    assert world.sync(one(world)).reload is ReloadResult.RELOADED
    assert not world.owes()


def test_a_record_that_cannot_be_saved_loses_no_reload(world: World) -> None:
    world.sync(one(world, prune=False), Wake.SETTINGS)
    steps = Steps()
    world.restart(gate=steps, records_gate=FailFrom("rename", errno.EIO))
    world.sync(one(world, prune=False))
    steps.is_ill = True

    assert isinstance(world.sync(one(world), Wake.SETTINGS).error, FileError)

    assert (world.names, dropped(world), len(world.reload.orders)) == (["a.json"], ["b.json"], 1)
    world.restart()
    assert world.sync(one(world)).reload is ReloadResult.RELOADED
    assert dropped(world) == []


def test_a_file_whose_directory_went_too_is_forgotten_and_told(world: World) -> None:
    far = dataclasses.replace(world.spec("sub/c.json"), create_parents=True)
    world.sync(world.target(world.spec("a.json"), world.spec("b.json"), far), Wake.SETTINGS)
    shutil.rmtree(world.etc / "sub")
    told = len(world.reload.orders)

    world.sync(both(world), Wake.SETTINGS)

    assert (dropped(world), len(world.reload.orders)) == ([], told + 1)
