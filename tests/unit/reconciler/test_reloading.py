"""Telling the consumer: at least once for each content, never for nothing, across failures, restarts and deaths."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import ChangeEvent, OnFirstSync, ReloadResult, Result
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import FakeReload
from tests.unit.reconciler.world import World, seen

WAITING = ReloadResult.WAITING_FOR_CONSUMER


class Death(BaseException):
    """The process is killed at this point."""


def failing() -> ReloadFailed:
    return ReloadFailed("the hook ended with code 1")


def test_a_consumer_is_told_when_and_by_whom_the_change_was_saved(world: World) -> None:
    world.service.put("app", {"port": 1})
    event = ChangeEvent("app", version=1, changed_by=7, timestamp=1_700_000_000.0)
    world.sync(world.target(), Wake.EVENT, occasion=Occasion(hints={"app": event}))
    assert [(order.changed_by, order.saved_at) for order in world.reload.orders] == [(7, 1_700_000_000.0)]


def test_a_failed_reload_is_tried_again_without_a_fetch_or_a_write(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.extend([failing(), failing(), failing()])
    first = world.sync(target)
    assert isinstance(first.error, ReloadFailed)
    assert first.wrote
    before = seen(world.path)
    for _ in range(2):
        assert isinstance(world.sync(target, Wake.RELOAD_RETRY).error, ReloadFailed)
    done = world.sync(target, Wake.RELOAD_RETRY)
    assert (done.error, done.reload) == (None, ReloadResult.RELOADED)
    assert seen(world.path) == before
    assert world.service.counts["app"] == 1
    assert [order.attempt for order in world.reload.orders] == [1, 2, 3, 4]
    assert {order.changed for order in world.reload.orders} == {(str(world.path),)}
    assert not world.owes()


def test_a_failed_reload_survives_a_restart(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.append(failing())
    world.sync(target)
    world.restart()
    assert world.sync(target).reload is ReloadResult.RELOADED
    assert len(world.reload.orders) == 2
    world.restart()
    assert world.sync(target).reload is None
    assert len(world.reload.orders) == 2


@pytest.mark.parametrize("call", range(1, 60))
def test_a_death_at_any_call_of_the_publish_loses_no_reload(world: World, call: int) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    left = call

    def gate(_call: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Death

    world.restart(gate=gate)
    try:
        world.sync(target)
    except Death:
        pass
    else:
        assert left > 0, "a pass that was killed does not return"
    world.restart()
    world.sync(target)
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 2}'}
    assert 2 <= len(world.reload.orders) <= 3
    assert not world.owes()
    assert world.sync(target).reload is None


def test_killed_between_publish_and_reload_nothing_new_the_reload_runs_once(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.append(Death())
    with pytest.raises(Death):
        world.sync(target)
    world.restart()
    before = seen(world.path)
    assert world.sync(target).result is Result.UNCHANGED
    world.sync(target, Wake.CONNECTED)
    assert len(world.reload.orders) == 2  # the one that was killed, and the one after
    assert seen(world.path) == before


def test_a_stop_during_the_reload_leaves_it_pending(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.append(Stopped())
    with pytest.raises(Stopped):
        world.sync(target)
    assert world.owes()
    world.restart()
    assert world.sync(target).reload is ReloadResult.RELOADED


@pytest.mark.parametrize("on_first_sync", [OnFirstSync.AUTO, OnFirstSync.RELOAD, OnFirstSync.SKIP])
def test_first_sync_with_a_consumer_that_does_not_run(world: World, on_first_sync: OnFirstSync) -> None:
    target = dataclasses.replace(world.target(), on_first_sync=on_first_sync)
    world.service.put("app", {"port": 1})
    world.reload.otherwise = WAITING
    world.sync(target)
    assert len(world.reload.orders) == (0 if on_first_sync is OnFirstSync.SKIP else 1)
    assert world.owes() is (on_first_sync is OnFirstSync.RELOAD)


def test_a_consumer_that_does_not_run_stays_owed_quietly_until_it_turns_out_to_have_started_after(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([WAITING, WAITING, ReloadResult.ALREADY_CURRENT])
    outcome = world.sync(target, Wake.EVENT)
    assert (outcome.error, outcome.reload) == (None, WAITING)
    assert world.owes()
    assert world.sync(target, Wake.RELOAD_RETRY).reload is WAITING
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.ALREADY_CURRENT
    assert not world.owes()
    assert world.service.counts["app"] == 2
    written_at = {order.written_at for order in world.reload.orders[1:]}
    assert written_at == {world.record.written_at}


@pytest.mark.parametrize("result", [ReloadResult.OWN_UNIT, ReloadResult.ALREADY_CURRENT])
def test_a_consumer_that_needs_no_telling_is_settled(world: World, result: ReloadResult) -> None:
    world.service.put("app", {"port": 1})
    world.reload.script.append(result)
    assert world.sync(world.target()).reload is result
    assert not world.owes()


def test_reloads_run_in_order_and_the_first_failure_ends_them(world: World) -> None:
    first, second, third = FakeReload(), FakeReload(failing()), FakeReload()
    target = world.target(reload=(first, second, third))
    world.service.put("app", {"port": 1})
    assert isinstance(world.sync(target).error, ReloadFailed)
    assert [len(one.orders) for one in (first, second, third)] == [1, 1, 0]
    world.sync(target, Wake.RELOAD_RETRY)
    assert [len(one.orders) for one in (first, second, third)] == [2, 2, 1]


def test_no_reload_leaves_it_pending_for_the_next_run(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    outcome = world.sync(target, occasion=Occasion(may_reload=False))
    assert (outcome.result, outcome.reload) == (Result.CHANGED, None)
    assert world.reload.orders == []
    assert world.owes()
    world.restart()
    assert world.sync(target).reload is ReloadResult.RELOADED


def test_an_operator_may_ask_for_a_reload_that_nobody_owes(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    outcome = world.sync(target, Wake.RELOAD_RETRY, occasion=Occasion(is_forced_reload=True))
    assert outcome.reload is ReloadResult.RELOADED
    assert world.reload.orders[-1].forced
    assert world.service.counts["app"] == 1
    assert seen(world.path) == before


def test_a_sync_and_a_reload_asked_for_at_once_look_at_the_service_too(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.sync(target, Wake.COMMAND, Wake.RELOAD_RETRY, occasion=Occasion(is_forced_reload=True))
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 2}'}


def test_asking_for_a_reload_where_there_is_none_is_told(world: World) -> None:
    target = world.target(reload=())
    world.service.put("app", {"port": 1})
    world.sync(target)
    outcome = world.sync(target, Wake.RELOAD_RETRY, occasion=Occasion(is_forced_reload=True))
    assert isinstance(outcome.error, ReloadFailed)
    assert outcome.error.hint == "add 'reload:' to the target"


def test_an_edit_before_the_retry_is_restored_first(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.reload.script.append(failing())
    world.sync(target)
    world.path.write_bytes(b"edited")
    assert world.sync(target, Wake.RELOAD_RETRY).result is Result.CHANGED
    assert world.reload.reads[-1] == {str(world.path): b'{"port": 1}'}
