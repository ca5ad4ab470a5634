"""What an operator holds stays as it is, hand edits included, and across restarts; when it ends, the newest comes."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import ReloadFailed, RolledBack, UsageError
from config_sync.model import Hold, Layout, OnFailure, Outcome, PinnedBy, ReloadResult, Result, Resume, Target
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.unit.reconciler.world import World, seen

ALL = (Wake.START, Wake.EVENT, Wake.RESYNC, Wake.RELOAD_RETRY, Wake.FILES, Wake.COMMAND)


def synced(world: World, *, layout: Layout = Layout.FILES) -> Target:
    target = dataclasses.replace(world.target(), layout=layout)
    world.service.put("app", {"port": 1})
    assert world.sync(target).error is None
    return target


def asked(world: World, target: Target) -> Outcome:
    return world.sync(target, Wake.COMMAND)


@pytest.mark.parametrize("layout", Layout, ids=lambda one: one.value)
def test_nothing_newer_comes_nothing_is_asked_and_an_edit_stays(world: World, layout: Layout) -> None:
    target = synced(world, layout=layout)
    world.reconciler.order(target, Hold(reason="looking", who="ada"))
    world.service.put("app", {"port": 2})
    fetches = len(world.service.fetches)
    before = seen(world.path)
    for wake in ALL:
        outcome = world.sync(target, wake)
        assert (outcome.error, outcome.result, outcome.reason) == (None, Result.UNCHANGED, "Held")
    assert seen(world.path) == before
    if layout is Layout.FILES:
        world.path.write_bytes(b"by hand")
        world.path.chmod(0o604)
    edited = seen(world.path)
    for wake in ALL:
        world.restart()
        assert world.sync(target, wake).reason == "Held"
    assert seen(world.path) == edited
    assert len(world.service.fetches) == fetches
    assert len(world.reload.orders) == 1
    hold = world.record.hold
    assert hold is not None
    assert (hold.by, hold.reason, hold.who, hold.until_at) == (PinnedBy.OPERATOR, "looking", "ada", None)


def test_resume_brings_the_newest_and_tells_the_consumer_once(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold())
    world.service.put("app", {"port": 2})
    asked(world, target)
    world.reconciler.order(target, Resume())
    outcome = asked(world, target)
    assert (outcome.result, outcome.reload) == (Result.CHANGED, ReloadResult.RELOADED)
    assert world.path.read_bytes() == b'{"port": 2}'
    assert (world.record.pin, len(world.reload.orders)) == (None, 2)


def test_resume_puts_an_edit_right_and_tells_the_consumer(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold())
    world.path.write_bytes(b"by hand")
    asked(world, target)
    world.reconciler.order(target, Resume())
    outcome = asked(world, target)
    assert (outcome.result, outcome.reason, outcome.reload) == (Result.CHANGED, "Drifted", ReloadResult.RELOADED)


def test_a_file_that_is_taken_away_stays_away(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold())
    world.path.unlink()
    asked(world, target)
    assert not world.path.exists()


def test_a_hold_with_a_time_ends_then_also_after_a_restart(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold(for_s=60.0))
    world.service.put("app", {"port": 2})
    world.clock.passed_s += 58.0
    world.restart()
    assert asked(world, target).reason == "Held"
    world.clock.passed_s += 2.0
    world.restart()
    assert asked(world, target).result is Result.CHANGED
    assert world.record.pin is None


def test_a_second_hold_renews_the_first(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold(for_s=60.0, reason="short"))
    world.reconciler.order(target, Hold(reason="long"))
    world.clock.passed_s += 3600.0
    assert asked(world, target).reason == "Held"
    assert world.record.hold is not None
    assert (world.record.hold.reason, world.record.hold.under) == ("long", None)


def test_a_target_that_is_not_held_cannot_be_resumed(world: World) -> None:
    target = synced(world)
    with pytest.raises(UsageError, match="target 'app' is not held"):
        world.reconciler.order(target, Resume())


def test_an_owed_reload_waits_for_the_end_of_the_hold_unless_it_is_asked_for(world: World) -> None:
    target = synced(world)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadFailed("the hook ended with code 1"))
    assert isinstance(world.sync(target, Wake.EVENT).error, ReloadFailed)
    world.reconciler.order(target, Hold())
    for wake in ALL:
        assert world.sync(target, wake).reload is None
    assert (len(world.reload.orders), world.owes()) == (2, True)
    world.reconciler.order(target, Resume())
    assert asked(world, target).reload is ReloadResult.RELOADED
    assert not world.owes()


def test_a_reload_that_is_asked_for_is_made_and_reads_the_edit(world: World) -> None:
    target = synced(world)
    world.reconciler.order(target, Hold())
    world.path.write_bytes(b"by hand")
    outcome = world.sync(target, Wake.RELOAD_RETRY, occasion=Occasion(is_forced_reload=True))
    assert (outcome.reason, outcome.reload) == ("Held", ReloadResult.RELOADED)
    assert world.reload.reads[-1] == {str(world.path): b"by hand"}
    assert world.record.is_frozen


def test_a_revision_that_was_skipped_before_the_hold_is_skipped_after_it(world: World) -> None:
    target = dataclasses.replace(synced(world), on_failure=OnFailure.ROLLBACK)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadFailed("it died"))
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    with pytest.raises(UsageError) as refused:
        world.reconciler.order(target, Resume())
    assert "version 2 is skipped" in (refused.value.hint or "")
    world.reconciler.order(target, Hold())
    assert asked(world, target).error is None
    world.reconciler.order(target, Hold(for_s=5.0))
    world.restart()
    world.clock.passed_s += 5.0
    outcome = asked(world, target)
    assert isinstance(outcome.error, RolledBack)
    assert world.path.read_bytes() == b'{"port": 1}'
    world.service.put("app", {"port": 3})
    assert world.sync(target, Wake.EVENT).error is None
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 3}', None)


def test_a_target_without_anything_written_can_be_held(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reconciler.order(target, Hold())
    assert asked(world, target).reason == "Held"
    assert not world.path.exists()
