"""Files from the cache that the consumer cannot be told of, or that its checker refuses: said as it is."""

from __future__ import annotations

import dataclasses

from config_sync.errors import ReloadFailed, ServiceUnavailable
from config_sync.model import ConditionType, PinnedBy
from config_sync.status import Board
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.test_offline import rebooted, synced
from tests.unit.reconciler.world import World, checker


def test_an_edit_put_right_from_the_cache_is_told_although_the_reload_fails(world: World) -> None:
    target = synced(world)
    board = Board(world.clock, stale_after_s=1000.0)
    board.expect(target, world.record)
    world.path.write_bytes(b"by hand")
    world.service.outage = unavailable()
    world.reload.script.append(ReloadFailed("the hook ended with code 1"))
    outcome = world.start(target, wake=Wake.FILES)
    assert isinstance(outcome.error, ServiceUnavailable)
    assert (outcome.cached_as_of, outcome.is_edited) == (world.kept()[0].confirmed_at, False)
    assert (world.path.read_bytes(), world.owes()) == (b'{"port": 1}', True)
    board.settled(outcome, world.record)
    synced_condition = next(one for one in board.statuses()[0].conditions if one.type is ConditionType.SYNCED)
    assert synced_condition.message.startswith("the files come from the cache; ")


def test_in_place_what_the_checker_refuses_leaves_no_word_of_the_cache(world: World) -> None:
    target = synced(world)
    world.path.write_bytes(b"by hand")
    world.service.outage = unavailable()
    world.restart()
    picky = dataclasses.replace(target, validate=checker("exit 1", in_place=True))
    assert isinstance(world.start(picky).error, ServiceUnavailable)
    assert (world.path.read_bytes(), world.record.pin) == (b"by hand", None)


def test_in_place_what_the_checker_refuses_leaves_the_word_of_the_cache_that_was_there(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.start(target)
    pin = world.record.pin
    assert pin is not None
    assert pin.by is PinnedBy.OFFLINE
    world.path.write_bytes(b"by hand")
    picky = dataclasses.replace(target, validate=checker("exit 1", in_place=True))
    world.start(picky, wake=Wake.COMMAND)
    assert (world.path.read_bytes(), world.record.pin) == (b"by hand", pin)
