"""A rollback that dies at any system call is not half there: the next process ends it, or it was never begun."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from config_sync.model import AbsolutePath, Layout, ReloadResult, Resume, Rollback, Target, Validate
from config_sync.workqueue import Wake
from tests.unit.reconciler.test_operator_rollback import versions
from tests.unit.reconciler.world import World, checker

OLD, NEW = b'{"port": 1}', b'{"port": 2}'
MOST_CALLS = 1000


class Death(BaseException):
    """The process ends here."""


def dying_at(number: int) -> Callable[[str], None]:
    left = number

    def gate(_call: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Death

    return gate


def dies(world: World, target: Target, number: int) -> bool:
    """Whether a rollback by a new process came to its call of that number, at which it died."""
    gate = dying_at(number)
    try:
        world.restart(gate=gate, records_gate=gate, cache_gate=gate)
        world.reconciler.order(target, Rollback(who="ada"))
        assert world.sync(target, Wake.COMMAND).error is None
    except Death:
        return True
    assert world.path.read_bytes() == OLD
    return False


@pytest.mark.parametrize("validate", [None, checker("exit 0", in_place=True)], ids=["plain", "in_place"])
@pytest.mark.parametrize("layout", Layout, ids=lambda one: one.value)
def test_killed_before_each_call_of_a_rollback(world: World, layout: Layout, validate: Validate | None) -> None:
    ended = never = 0
    homes = world.directory
    for number in range(1, MOST_CALLS):
        (root := homes / str(number)).mkdir(mode=0o755)
        world = World(root)
        target = dataclasses.replace(world.target(), layout=layout, validate=validate)
        versions(world, target, 1, 2)
        if not dies(world, target, number):
            break
        world.restart()
        world.disk.sweep({AbsolutePath(str(world.etc))}, keep=world.records.kept_names())
        is_begun = world.record.hold is not None
        assert world.sync(target, Wake.START).error is None
        assert world.path.read_bytes() == (OLD if is_begun else NEW)
        assert world.record.is_frozen is is_begun
        assert not world.owes()
        assert world.reload.reads[-1] == {str(world.path): world.path.read_bytes()}
        if not is_begun:
            never += 1
            continue
        ended += 1
        told = len(world.reload.orders)
        assert world.sync(target, Wake.RESYNC).reason == "Held"
        assert len(world.reload.orders) == told
        world.reconciler.order(target, Resume())
        assert world.sync(target, Wake.COMMAND).reload is ReloadResult.RELOADED
        assert world.path.read_bytes() == NEW
        assert not [name for name in world.names if name.endswith((".old", ".tmp"))]
    else:
        raise AssertionError("it never came to its end")
    assert ended > 10
    assert never > 3
