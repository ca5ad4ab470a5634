"""A consumer that cannot live with a revision: with ``rollback`` the old bytes are back and it is skipped."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import ReloadFailed, Retry, RolledBack
from config_sync.model import (
    Layout,
    OnFailure,
    Outcome,
    ReloadResult,
    Result,
    Target,
)
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.world import World, seen

layouts = pytest.mark.parametrize("layout", Layout, ids=lambda one: one.value)


def failing() -> ReloadFailed:
    return ReloadFailed("the consumer ended within 0.1 s of SIGHUP")


def rolling(target: Target, *, layout: Layout = Layout.FILES) -> Target:
    return dataclasses.replace(target, on_failure=OnFailure.ROLLBACK, layout=layout)


def good_then_bad(world: World, target: Target) -> Outcome:
    """Version 1 is taken well, version 2 is not."""
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.append(failing())
    return world.sync(target, Wake.EVENT)


@layouts
def test_the_old_bytes_are_put_back_the_consumer_is_told_and_the_revision_is_skipped(
    world: World, layout: Layout
) -> None:
    target = rolling(world.target(), layout=layout)
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.put("app", {"port": 2})
    world.reload.script.append(failing())
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RolledBack)
    assert (outcome.retry, outcome.reload) == (Retry.RESYNC, ReloadResult.RELOADED)
    assert "version 2" in outcome.error.message
    assert failing().message in outcome.error.message
    assert seen(world.path) == before
    assert [read[str(world.path)] for read in world.reload.reads] == [b'{"port": 1}', b'{"port": 2}', b'{"port": 1}']
    assert (world.record.version, world.owes()) == (1, False)
    assert [name for name in world.names if name.endswith(".old")] == []
    last = world.reload.orders[-1]
    assert (last.reason, last.version, last.previous_version, last.attempt) == ("RolledBack", 1, 2, 1)

    for wake in (Wake.RESYNC, Wake.CONNECTED, Wake.COMMAND):
        again = world.sync(target, wake)
        assert isinstance(again.error, RolledBack)
        assert again.error.message == outcome.error.message
    world.restart()
    assert isinstance(world.sync(target).error, RolledBack)
    assert seen(world.path) == before
    assert len(world.reload.orders) == 3

    world.service.put("app", {"port": 3})
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 3}', None)


def test_keep_reports_and_tries_again_with_the_new_bytes(world: World) -> None:
    target = world.target()
    outcome = good_then_bad(world, target)
    assert isinstance(outcome.error, ReloadFailed)
    assert world.path.read_bytes() == b'{"port": 2}'
    assert world.record.pin is None
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED


@layouts
def test_the_first_write_ever_has_nothing_to_go_back_to_and_is_kept(world: World, layout: Layout) -> None:
    target = rolling(world.target(), layout=layout)
    world.service.put("app", {"port": 1})
    world.reload.script.append(failing())
    assert type(world.sync(target).error) is ReloadFailed
    assert world.path.read_bytes() == b'{"port": 1}'
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED


@layouts
def test_a_file_made_by_hand_before_the_first_sync_is_what_it_goes_back_to(world: World, layout: Layout) -> None:
    target = rolling(world.target(), layout=layout)
    world.path.write_bytes(b"by hand")
    world.path.chmod(0o600)
    world.service.put("app", {"port": 1})
    world.reload.script.append(failing())
    assert isinstance(world.sync(target).error, RolledBack)
    assert (world.path.read_bytes(), seen(world.path).mode) == (b"by hand", 0o600)
    assert isinstance(world.sync(target, Wake.RESYNC).error, RolledBack)
    assert (world.path.read_bytes(), seen(world.path).mode) == (b"by hand", 0o640), "as the settings want it"


@layouts
def test_several_files_go_back_together_and_a_new_one_goes(world: World, layout: Layout) -> None:
    one = rolling(world.target(world.spec("a.json")), layout=layout)
    world.service.put("app", {"port": 1})
    world.sync(one)
    two = rolling(world.target(world.spec("a.json"), world.spec("b.json")), layout=layout)
    world.service.put("app", {"port": 2})
    world.reload.script.append(failing())
    assert isinstance(world.sync(two).error, RolledBack)
    assert (world.etc / "a.json").read_bytes() == b'{"port": 1}'
    assert not (world.etc / "b.json").exists()
    assert isinstance(world.sync(two, Wake.RESYNC).error, RolledBack), "and no file that is missing brings it back"
    assert not (world.etc / "b.json").exists()
    world.service.put("app", {"port": 3})
    assert world.sync(two, Wake.EVENT).error is None
    assert {path.read_bytes() for path in (world.etc / "a.json", world.etc / "b.json")} == {b'{"port": 3}'}


def test_the_revision_of_before_as_the_newest_again_ends_the_refusal(world: World) -> None:
    target = rolling(world.target())
    good_then_bad(world, target)
    before = seen(world.path)
    world.service.put("app", {"port": 1})
    outcome = world.sync(target, Wake.EVENT)
    assert (outcome.error, outcome.result, world.record.pin) == (None, Result.UNCHANGED, None)
    assert (seen(world.path), world.record.version, len(world.reload.orders)) == (before, 3, 3)


def test_a_rollback_whose_reload_fails_too_is_told_and_tried_again(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([failing(), ReloadFailed("it is gone"), ReloadFailed("it is gone")])
    outcome = world.sync(target, Wake.EVENT)
    assert type(outcome.error) is ReloadFailed
    assert "rolled back" in outcome.error.message
    assert "it is gone" in outcome.error.message
    assert (world.path.read_bytes(), world.owes()) == (b'{"port": 1}', True)
    assert isinstance(world.sync(target, Wake.RELOAD_RETRY).error, ReloadFailed)
    world.restart()
    outcome = world.sync(target)
    assert isinstance(outcome.error, RolledBack)
    assert (outcome.reload, world.owes()) == (ReloadResult.RELOADED, False)
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}
    assert world.path.read_bytes() == b'{"port": 1}'


def test_a_consumer_that_died_of_it_waits_for_its_next_start_with_the_old_bytes(world: World) -> None:
    target = rolling(world.target())
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([failing(), ReloadResult.WAITING_FOR_CONSUMER])
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RolledBack)
    assert (outcome.reload, world.owes()) == (ReloadResult.WAITING_FOR_CONSUMER, True)
    world.reload.script.append(ReloadResult.ALREADY_CURRENT)
    assert world.sync(target, Wake.RELOAD_RETRY).error is None
    assert (world.path.read_bytes(), world.owes()) == (b'{"port": 1}', False)
    assert world.record.pin is not None


def test_without_the_service_the_refused_stays_refused(world: World) -> None:
    target = rolling(world.target())
    good_then_bad(world, target)
    world.restart()
    world.service.outage = unavailable()
    world.sync(target)
    world.sync(target, Wake.FILES)
    assert world.record.pin is not None
    world.service.outage = None
    assert isinstance(world.sync(target, Wake.RETRY).error, RolledBack)
    assert world.path.read_bytes() == b'{"port": 1}'


def test_an_edit_of_what_was_put_back_stays_and_a_file_taken_away_brings_the_newest(world: World) -> None:
    target = rolling(world.target())
    good_then_bad(world, target)
    world.path.write_bytes(b"mended by hand")
    assert isinstance(world.sync(target, Wake.FILES).error, RolledBack)
    assert world.path.read_bytes() == b"mended by hand"
    world.path.unlink()
    assert world.sync(target, Wake.FILES).error is None
    assert world.path.read_bytes() == b'{"port": 2}', "nothing is left to stand on"


def test_where_a_file_of_ours_is_missing_there_is_no_whole_way_back(world: World) -> None:
    target = rolling(world.target(world.spec("a.json"), world.spec("b.json")))
    good_then_bad(world, target)
    (world.etc / "a.json").unlink()
    world.reload.script.append(failing())
    assert type(world.sync(target, Wake.FILES).error) is ReloadFailed, "the newest, and reported"
    assert {(world.etc / name).read_bytes() for name in world.names} == {b'{"port": 2}'}


def test_the_attributes_of_what_was_put_back_are_repaired(world: World) -> None:
    target = rolling(world.target())
    good_then_bad(world, target)
    world.path.chmod(0o666)
    assert isinstance(world.sync(target, Wake.FILES).error, RolledBack)
    assert (seen(world.path).mode, world.path.read_bytes()) == (0o640, b'{"port": 1}')
    assert len(world.reload.orders) == 3
