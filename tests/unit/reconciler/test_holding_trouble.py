"""A hold or a rollback whose pass fails: nothing that was there is lost, no mix stays, and a later pass ends it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable

import pytest

from config_sync.errors import CheckRejected, CredentialError, FileError, RevisionMissing, SyncError
from config_sync.model import EncryptionKey, Hold, Resume, Rollback, Target
from config_sync.status import Board
from config_sync.status.readiness import startup_done
from config_sync.workqueue import Wake
from tests.fakes import Keys
from tests.unit.reconciler.test_operator_rollback import back, versions
from tests.unit.reconciler.world import World, checker


class LateKeys(Keys):
    """A key file that is not there until `is_there`."""

    is_there = True

    def read(self) -> tuple[EncryptionKey, ...]:
        if not self.is_there:
            raise CredentialError("the key file is not there yet")
        return super().read()


def no_space(count: int) -> Callable[[str], None]:
    """Of the renames, only the first `count` find space."""
    left = count

    def gate(call: str) -> None:
        nonlocal left
        if call in ("rename", "renameat", "link"):
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")

    return gate


def held(world: World) -> Target:
    target = world.target()
    versions(world, target, 1, 2)
    world.reconciler.order(target, Hold(reason="looking"))
    assert world.sync(target, Wake.COMMAND).reason == "Held"
    return target


def test_held_files_that_a_reboot_took_come_back_when_the_key_does(world: World) -> None:
    keys = LateKeys()
    world.keys = keys
    world.restart()
    target = held(world)
    world.path.unlink()
    keys.is_there = False
    world.restart()
    board = Board(world.clock, stale_after_s=100.0)
    board.expect(target, world.record)
    for wake in (Wake.START, Wake.RETRY):
        outcome = world.sync(target, wake)
        assert (type(outcome.error), outcome.is_given_up, outcome.is_present) == (CredentialError, False, False)
        board.settled(outcome, world.record)
        assert not startup_done(board.statuses())
    keys.is_there = True
    outcome = world.sync(target, Wake.RETRY)
    board.settled(outcome, world.record)
    assert (outcome.error, world.path.read_bytes()) == (None, b'{"port": 2}')
    assert startup_done(board.statuses())
    hold = world.record.hold
    assert hold is not None
    assert (world.record.is_frozen, hold.reason) == (True, "looking")
    world.path.unlink()
    assert world.sync(target, Wake.FILES).reason == "Held"
    assert not world.path.exists(), "that was somebody, while the agent ran"


@pytest.mark.parametrize("is_restarted", [True, False])
def test_held_files_that_a_reboot_took_come_back_when_they_can_be_written(world: World, is_restarted: bool) -> None:
    target = held(world)
    shutil.rmtree(world.etc)
    world.restart()
    for wake in (Wake.START, Wake.COMMAND):
        outcome = world.sync(target, wake)
        assert isinstance(outcome.error, FileError)
        assert not outcome.is_given_up
    world.etc.mkdir()
    if is_restarted:
        world.restart()
    outcome = world.sync(target, Wake.START if is_restarted else Wake.RETRY)
    assert (outcome.error, world.path.read_bytes(), world.record.is_frozen) == (None, b'{"port": 2}', True)


def test_what_somebody_put_there_meanwhile_stays(world: World) -> None:
    keys = LateKeys()
    world.keys = keys
    world.restart()
    target = held(world)
    world.path.unlink()
    keys.is_there = False
    world.restart()
    assert world.sync(target, Wake.START).error is not None
    world.path.write_bytes(b"by hand")
    keys.is_there = True
    assert world.sync(target, Wake.RETRY).reason == "Held"
    assert world.path.read_bytes() == b"by hand"
    world.path.unlink()
    assert world.sync(target, Wake.RETRY).reason == "Held"
    assert not world.path.exists()


def test_a_held_target_without_its_files_is_not_ready(world: World) -> None:
    files = world.spec("a.json"), world.spec("b.json")
    target = world.target(*files)
    versions(world, target, 1)
    world.reconciler.order(target, Hold())
    assert world.sync(target, Wake.COMMAND).is_present
    (world.etc / "b.json").unlink()
    world.restart()
    outcome = world.sync(target, Wake.START)
    assert (outcome.error, outcome.reason, outcome.is_present) == (None, "Held", False)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_rollback_that_is_half_there_goes_on_until_it_is_whole(world: World, is_told: bool) -> None:
    files = world.spec("a.json"), world.spec("b.json")
    target = world.target(*files, reload=None if is_told else ())
    versions(world, target, 1, 2)
    world.reconciler.order(target, Hold())
    world.sync(target, Wake.COMMAND)
    world.restart(gate=no_space(1))
    outcome = back(world, target)
    assert (type(outcome.error), outcome.is_given_up, len(outcome.wrote)) == (FileError, False, 1)
    for wake in (Wake.RETRY, Wake.RESYNC):
        outcome = world.sync(target, wake)
        assert (type(outcome.error), outcome.is_given_up, outcome.wrote) == (FileError, False, ())
    world.restart()
    assert world.sync(target, Wake.RETRY).error is None
    assert {(world.etc / name).read_bytes() for name in ("a.json", "b.json")} == {b'{"port": 1}'}
    assert (world.record.is_frozen, world.owes()) == (True, False)


def refused_rollback(world: World, hold: Hold) -> tuple[Target, SyncError | None]:
    """A hold over a rollback whose key is not there yet, and which then turns out to be impossible."""
    keys = LateKeys()
    world.keys = keys
    world.restart()
    target = world.target()
    versions(world, target, 1, 2)
    world.reconciler.order(target, Rollback(who="ada"))
    keys.is_there = False
    assert isinstance(world.sync(target, Wake.COMMAND).error, CredentialError)
    world.reconciler.order(target, hold)
    keys.is_there = True
    for name in (world.state / "cache").iterdir():
        name.unlink()
    world.restart()
    return target, world.sync(target, Wake.COMMAND).error


def test_a_hold_over_a_rollback_outlives_it(world: World) -> None:
    target, error = refused_rollback(world, Hold(3600.0, "mine", "bob"))
    assert isinstance(error, RevisionMissing)
    hold = world.record.hold
    assert hold is not None
    assert (hold.is_reached, hold.who, hold.reason, dict(hold.to), hold.under) == (True, "bob", "mine", {}, None)
    world.service.put("app", {"port": 3})
    assert world.sync(target, Wake.EVENT).reason == "Held"
    assert world.path.read_bytes() == b'{"port": 2}'
    world.reconciler.order(target, Resume())
    world.sync(target, Wake.COMMAND)
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 3}', None)


def test_a_bring_back_does_not_pass_over_a_check(world: World) -> None:
    target = held(world)
    picky = dataclasses.replace(target, validate=checker("exit 1"))
    world.path.unlink()
    world.restart()
    for wake in (Wake.START, Wake.RESYNC):
        outcome = world.sync(picky, wake)
        assert (type(outcome.error), outcome.is_given_up) == (CheckRejected, False), "else it would begin at once anew"
    assert not world.path.exists()
    assert world.sync(target, Wake.RESYNC).error is None
    assert (world.path.read_bytes(), world.record.is_frozen) == (b'{"port": 2}', True)
