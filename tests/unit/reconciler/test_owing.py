"""What is owed stays owed, and is told, although the service, the next version or the disk is in trouble."""

from __future__ import annotations

import dataclasses
import errno
import os

import pytest

from config_sync.errors import CheckRejected, FileError, ReloadFailed, ServiceUnavailable
from config_sync.model import OnDrift, ReloadResult
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.world import World, checker

WAITING = ReloadResult.WAITING_FOR_CONSUMER


class Death(BaseException):
    """The process is killed at this point."""


def failing() -> ReloadFailed:
    return ReloadFailed("the hook ended with code 1")


def test_a_reload_that_is_owed_runs_although_the_service_is_away(world: World) -> None:
    """Killed before the reload; after the restart the service cannot be reached."""
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.append(Death())
    with pytest.raises(Death):
        world.sync(target, occasion=Occasion())
    world.restart()
    world.sync(target, occasion=Occasion(may_reload=False))  # what is on disk is now recorded
    world.restart()
    world.service.outage = unavailable()
    outcome = world.sync(target)
    assert isinstance(outcome.error, ServiceUnavailable)
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}
    assert not world.owes()
    world.sync(target, Wake.RETRY)
    assert len(world.reload.orders) == 2


def test_a_reload_that_is_owed_runs_although_the_next_version_is_rejected(world: World) -> None:
    target = world.target(validate=checker('! grep -q bad "$1"'))
    world.service.put("app", {"port": 1})
    world.reload.script.extend([failing(), failing()])
    world.sync(target)
    world.service.put("app", {"port": "bad"})
    assert isinstance(world.sync(target, Wake.EVENT).error, CheckRejected)
    assert world.owes()
    assert isinstance(world.sync(target, Wake.RESYNC).error, CheckRejected)
    assert not world.owes()
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}


@pytest.mark.parametrize("in_place", [False, True], ids=["staged", "in_place"])
def test_a_reload_after_a_restored_edit_is_owed_although_the_next_version_is_rejected(
    world: World, in_place: bool
) -> None:
    """The record says nothing else of it: what is written is what the consumer was last told of."""
    target = world.target(validate=checker('! grep -q bad "$1"', in_place=in_place))
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.write_bytes(b"edited")
    world.reload.script.append(failing())
    world.sync(target, Wake.FILES)
    world.service.put("app", {"port": "bad"})
    assert isinstance(world.sync(target, Wake.EVENT).error, CheckRejected)
    assert (len(world.reload.orders), world.owes()) == (3, False)
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}


def test_an_edit_that_is_put_right_after_the_look_stays_owed_when_its_reload_fails(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    edits = [b"edited"]

    def gate(call: str) -> None:
        # Between the last look and the publish: the destination's lock is taken in between.
        if call == "flock" and edits and len(world.service.fetches) == 2:
            world.path.write_bytes(edits.pop())

    world.restart(gate=gate)
    world.reload.script.append(failing())
    outcome = world.sync(target, Wake.RESYNC)
    assert outcome.wrote
    assert isinstance(outcome.error, ReloadFailed)
    assert world.owes()
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED


def test_a_tolerated_edit_does_not_make_the_retries_of_a_reload_fetch(world: World) -> None:
    target = dataclasses.replace(world.target(), on_drift=OnDrift.REPORT)
    world.service.put("app", {"port": 1})
    world.reload.script.append(failing())
    world.sync(target)
    world.path.write_bytes(b"edited")
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED
    assert world.service.counts["app"] == 1
    assert world.path.read_bytes() == b"edited"
    assert not world.owes()


def test_a_record_that_cannot_be_saved_before_the_publish_changes_nothing(world: World) -> None:
    def gate(call: str) -> None:
        if call == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    world.service.put("app", {"port": 1})
    world.restart(records_gate=gate)
    outcome = world.sync(world.target())
    assert isinstance(outcome.error, FileError)
    assert world.names == []
    world.restart()
    assert world.sync(world.target(), Wake.RETRY).reload is ReloadResult.RELOADED


def test_a_record_that_cannot_be_saved_after_the_reload_means_one_reload_a_pass_and_no_storm(world: World) -> None:
    def gate(call: str) -> None:
        if call == "write" and world.reload.orders:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    world.service.put("app", {"port": 1})
    world.restart(records_gate=gate)
    for runs in (1, 2):
        assert isinstance(world.sync(world.target()).error, FileError)
        assert len(world.reload.orders) == runs
    world.restart()
    world.sync(world.target())
    world.sync(world.target())
    assert len(world.reload.orders) == 3
