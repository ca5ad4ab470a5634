"""Rollbacks in trouble: edits, restarts, stops, checks in place, a failing disk, files that were kept and are gone."""

from __future__ import annotations

import dataclasses
import os

import pytest

from config_sync.errors import FileError, ReloadFailed, RolledBack, Stopped
from config_sync.files.names import is_kept_of
from config_sync.model import Layout, OnDrift, ReloadResult, WriteMode
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.test_rolling_back import failing, good_then_bad, layouts, rolling
from tests.unit.reconciler.world import World, checker, seen


def test_a_restored_edit_that_the_consumer_cannot_be_told_of_is_no_new_revision(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.write_bytes(b"edited")
    world.reload.script.append(failing())
    assert type(world.sync(target, Wake.FILES).error) is ReloadFailed
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 1}', None)


def test_a_tolerated_edit_is_what_a_rollback_goes_back_to(world: World) -> None:
    target = dataclasses.replace(rolling(world.target()), on_drift=OnDrift.REPORT)
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.write_bytes(b"edited")
    world.service.put("app", {"port": 2})
    world.reload.script.append(failing())
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    assert world.path.read_bytes() == b"edited"


def test_a_consumer_that_was_not_told_of_one_version_goes_back_beyond_it(world: World) -> None:
    """v2 waits for the consumer; v3 kills it: v1 is the last that it was well with."""
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([ReloadResult.WAITING_FOR_CONSUMER, failing()])
    world.sync(target, Wake.EVENT)
    world.restart()
    world.service.put("app", {"port": 3})
    outcome = world.sync(target)
    assert isinstance(outcome.error, RolledBack)
    assert "version 3" in outcome.error.message
    assert (seen(world.path), world.record.version) == (before, 1)
    assert world.names == ["app.json"]


@pytest.mark.parametrize("in_place", [False, True], ids=["staged", "in_place"])
@layouts
def test_checked_and_rolled_back(world: World, in_place: bool, layout: Layout) -> None:
    target = rolling(world.target(validate=checker('! grep -q bad "$1"', in_place=in_place)), layout=layout)
    good_then_bad(world, target)
    assert world.path.read_bytes() == b'{"port": 1}'
    world.service.put("app", {"port": "bad"})
    assert world.sync(target, Wake.EVENT).reason == "CheckRejected"
    assert world.path.read_bytes() == b'{"port": 1}'
    world.service.put("app", {"port": 4})
    assert world.sync(target, Wake.EVENT).error is None
    assert (world.path.read_bytes(), world.owes()) == (b'{"port": 4}', False)


def test_in_place_refused_after_a_version_that_waits_both_ways_back_are_kept_apart(world: World) -> None:
    target = rolling(world.target(validate=checker('! grep -q bad "$1"', in_place=True)))
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadResult.WAITING_FOR_CONSUMER)
    world.sync(target, Wake.EVENT)
    world.service.put("app", {"port": "bad"})
    world.reload.script.append(ReloadResult.WAITING_FOR_CONSUMER)
    assert world.sync(target, Wake.EVENT).reason == "CheckRejected"
    assert world.path.read_bytes() == b'{"port": 2}'
    world.reload.script.append(failing())
    outcome = world.sync(target, Wake.RELOAD_RETRY)
    assert isinstance(outcome.error, RolledBack)
    assert world.path.read_bytes() == b'{"port": 1}'


def test_a_reload_that_fails_while_the_agent_stops_rolls_nothing_back(world: World) -> None:
    """At a shutdown the consumer often ends first: that says nothing about the content."""
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})

    def ends() -> None:
        world.stop.set()
        raise failing()

    world.reload.script.append(ends)
    assert type(world.sync(target, Wake.EVENT).error) is ReloadFailed
    assert (world.path.read_bytes(), world.owes(), world.record.pin) == (b'{"port": 2}', True, None)


@pytest.mark.parametrize("interruption", [Stopped(), failing()], ids=["stopped", "not-told-yet"])
def test_after_a_restart_there_is_still_a_way_back(world: World, interruption: BaseException) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    if isinstance(interruption, Stopped):
        world.reload.script.append(interruption)
        with pytest.raises(Stopped):
            world.sync(target, Wake.EVENT)
    else:
        world.sync(target, Wake.EVENT, occasion=Occasion(may_reload=False))
    world.restart()
    world.reload.script.append(failing())
    assert isinstance(world.sync(target).error, RolledBack)
    assert (world.path.read_bytes(), world.names) == (b'{"port": 1}', ["app.json"])


def test_what_was_kept_is_gone_the_new_files_stay_and_it_is_told(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})

    def loses() -> None:
        for name in world.names:
            if name.endswith(".old"):
                os.unlink(world.etc / name)
        raise failing()

    world.reload.script.append(loses)
    outcome = world.sync(target, Wake.EVENT)
    assert type(outcome.error) is ReloadFailed
    assert "cannot be rolled back" in outcome.error.message
    assert (world.path.read_bytes(), world.owes(), world.record.pin) == (b'{"port": 2}', True, None)
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED


def test_a_disk_that_fails_during_the_rollback_is_told_and_the_next_pass_ends_it(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})

    def fails(call: str) -> None:
        if call == "rename" and len(world.reload.orders) == 2:
            raise OSError(5, os.strerror(5))

    world.restart(gate=fails)
    world.reload.script.append(failing())
    outcome = world.sync(target)
    assert isinstance(outcome.error, FileError)
    assert world.path.read_bytes() == b'{"port": 2}'
    assert isinstance(world.sync(target, Wake.RETRY).error, FileError)
    assert len(world.reload.orders) == 2, "nobody is told of files that are about to go"
    world.restart()
    world.service.outage = unavailable()
    outcome = world.sync(target)
    assert world.path.read_bytes() == b'{"port": 1}'
    assert (outcome.reload, world.owes()) == (ReloadResult.RELOADED, False)


def test_when_the_settings_say_keep_since_then_nothing_is_rolled_back(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([ReloadResult.WAITING_FOR_CONSUMER, failing()])
    world.sync(target, Wake.EVENT)
    assert type(world.sync(world.target(), Wake.SETTINGS).error) is ReloadFailed
    assert world.path.read_bytes() == b'{"port": 2}'


def test_a_file_that_is_written_in_place_gets_its_old_bytes_back_in_the_same_inode(world: World) -> None:
    spec = dataclasses.replace(world.spec(), write=WriteMode.IN_PLACE)
    world.path.write_bytes(b"mounted")
    inode = seen(world.path).inode
    target = rolling(world.target(spec))
    assert isinstance(good_then_bad(world, target).error, RolledBack)
    assert (world.path.read_bytes(), seen(world.path).inode) == (b'{"port": 1}', inode)
    assert world.names == ["app.json"]


def test_files_made_by_hand_become_a_set_and_are_there_again_when_its_check_in_place_refuses_it(world: World) -> None:
    target = rolling(world.target(validate=checker("exit 1", in_place=True)), layout=Layout.DIRECTORY)
    world.path.write_bytes(b"by hand")
    world.service.put("app", {"port": 1})
    assert world.sync(target).reason == "CheckRejected"
    assert world.path.read_bytes() == b"by hand"
    assert world.reload.orders == []
    accepting = rolling(world.target(validate=checker("exit 0", in_place=True)), layout=Layout.DIRECTORY)
    assert world.sync(accepting, Wake.SETTINGS).error is None
    assert world.path.read_bytes() == b'{"port": 1}'


def test_where_not_all_can_be_put_back_no_mix_is_taken_for_tolerated_edits(world: World) -> None:
    target = dataclasses.replace(
        rolling(world.target(world.spec("a.json"), world.spec("b.json"))), on_drift=OnDrift.REPORT
    )
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})

    def loses_one() -> None:
        kept = [name for name in world.names if name.endswith(".old") and is_kept_of(name, "b.json")]
        assert len(kept) == 1
        os.unlink(world.etc / kept[0])
        raise failing()

    world.reload.script.append(loses_one)
    outcome = world.sync(target, Wake.EVENT)
    assert outcome.error is not None
    assert "cannot be rolled back" in outcome.error.message
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED
    assert set(world.reload.reads[-1].values()) == {b'{"port": 2}'}
    assert not world.owes()
