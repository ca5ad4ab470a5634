"""``probe`` and ``splay``: what a pass waits for after the files are in place, on a clock that its waits move."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import ProbeFailed, RolledBack, Stopped
from config_sync.model import OnFailure, Probing, ReloadResult, Result, Target
from config_sync.reconciler import Occasion, Reconciler
from config_sync.workqueue import Wake
from tests.fake_probe import FakeProbe
from tests.fakes import ClockedStop
from tests.unit.reconciler.world import World


@pytest.fixture
def stop(world: World) -> ClockedStop:
    """The world's own, whose waits last no time."""
    clocked = ClockedStop(world.clock)
    world.stop = clocked
    return clocked


def probed(target: Target, probe: FakeProbe, *, within_s: float = 10.0, rollback: bool = False) -> Target:
    on_failure = OnFailure.ROLLBACK if rollback else OnFailure.KEEP
    return dataclasses.replace(target, probe=Probing(probe, within_s), on_failure=on_failure)


def test_a_consumer_that_is_well_at_once_is_looked_at_once_more(world: World, stop: ClockedStop) -> None:
    """Its first answer may still be by its old content."""
    probe = FakeProbe()
    world.service.put("app", {"port": 1})
    assert world.sync(probed(world.target(), probe)).reload is ReloadResult.RELOADED
    assert (len(probe.looks), len(stop.waits), world.owes()) == (2, 1, False)
    assert probe.looks[0].files == (str(world.path),)


def test_it_is_tried_again_until_it_holds(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe(True, False, False, False, False, True)
    world.service.put("app", {"port": 1})
    assert world.sync(probed(world.target(), probe)).error is None
    assert len(probe.looks) == 6
    assert stop.waits[1:] == sorted(stop.waits[1:]), "growing pauses"
    assert len(world.reload.orders) == 1


def test_one_that_never_holds_ends_at_its_time_and_the_reload_stays_owed(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe(otherwise=False)
    target = probed(world.target(), probe, within_s=3.0)
    world.service.put("app", {"port": 1})
    outcome = world.sync(target)
    assert isinstance(outcome.error, ProbeFailed)
    assert "did not hold within 3 s" in outcome.error.message
    assert "Connection refused" in outcome.error.message
    assert sum(stop.waits) <= 3.0
    assert max(probe.timeouts_s) <= 3.0
    assert world.owes()
    probe.otherwise = True
    assert world.sync(target, Wake.RELOAD_RETRY).error is None
    assert [order.attempt for order in world.reload.orders] == [1, 2]
    assert (world.service.counts["app"], world.owes()) == (1, False)


@pytest.mark.parametrize("within_s", [0.05, 1.0, 3.0, 10.0])
def test_the_last_look_is_at_the_very_end_of_its_time(world: World, stop: ClockedStop, within_s: float) -> None:
    """A consumer that needs all of the time it is given is well in time."""
    world.service.put("app", {"port": 1})
    begun: list[float] = []

    def is_up() -> bool:
        begun.append(begun[0] if begun else world.clock.passed_s)
        return world.clock.passed_s >= begun[0] + within_s - 1e-9

    probe = FakeProbe(*(is_up for _ in range(1000)))
    assert world.sync(probed(world.target(), probe, within_s=within_s)).error is None
    assert sum(stop.waits) == pytest.approx(within_s)
    assert min(probe.timeouts_s) >= 1.0, "and the last look has the time for an answer"


def test_a_look_that_began_in_time_counts_however_long_it_takes(world: World, stop: ClockedStop) -> None:
    world.service.put("app", {"port": 1})

    def slow() -> bool:
        world.clock.passed_s += 4.0
        return True

    probe = FakeProbe(False, slow, otherwise=False)
    assert world.sync(probed(world.target(), probe, within_s=2.0)).error is None


def test_a_stop_between_two_looks_ends_it_at_once_and_the_next_process_makes_it(
    world: World, stop: ClockedStop
) -> None:
    probe = FakeProbe(otherwise=False)
    world.service.put("app", {"port": 1})
    world.stop = ClockedStop(world.clock, at_s=world.clock.passed_s + 3.0)
    with pytest.raises(Stopped):
        world.sync(probed(world.target(), probe, within_s=3600.0))
    assert world.owes()
    world.stop = ClockedStop(world.clock)
    world.restart()
    probe.otherwise = True
    assert world.sync(probed(world.target(), probe)).reload is ReloadResult.RELOADED


def test_a_consumer_that_does_not_run_is_not_looked_at(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe(otherwise=False)
    target = probed(world.target(), probe)
    world.service.put("app", {"port": 1})
    world.reload.otherwise = ReloadResult.WAITING_FOR_CONSUMER
    assert world.sync(target).error is None
    assert probe.looks == []


def test_nothing_new_asks_no_probe(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe()
    target = probed(world.target(), probe)
    world.service.put("app", {"port": 1})
    world.sync(target)
    looks = len(probe.looks)
    world.sync(target, Wake.RESYNC)
    world.path.chmod(0o600)
    world.sync(target, Wake.FILES)
    assert len(probe.looks) == looks


def test_a_probe_alone_is_for_a_consumer_that_reads_by_itself(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe()
    target = probed(world.target(reload=()), probe, within_s=1.0, rollback=True)
    world.service.put("app", {"port": 1})
    assert world.sync(target).error is None
    probe.script.append(True)  # before the publish
    probe.otherwise = False
    world.service.put("app", {"port": 2})
    outcome = world.sync(target, Wake.EVENT)
    assert outcome.error is not None
    assert world.path.read_bytes() == b'{"port": 1}'
    assert world.record.pin is not None


def test_a_probe_that_fails_rolls_back(world: World, stop: ClockedStop) -> None:
    def is_well() -> bool:
        return b"bad" not in world.path.read_bytes()

    probe = FakeProbe(*(is_well for _ in range(1000)))
    target = probed(world.target(), probe, within_s=2.0, rollback=True)
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": "bad"})
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RolledBack)
    assert "did not hold within 2 s" in outcome.error.message
    assert [read[str(world.path)] for read in world.reload.reads] == [
        b'{"port": 1}',
        b'{"port": "bad"}',
        b'{"port": 1}',
    ]
    assert not world.owes()


def test_a_consumer_that_was_unwell_before_is_only_reported(world: World, stop: ClockedStop) -> None:
    probe = FakeProbe()
    target = probed(world.target(), probe, within_s=2.0, rollback=True)
    world.service.put("app", {"port": 1})
    world.sync(target)
    probe.otherwise = False
    world.service.put("app", {"port": 2})
    outcome = world.sync(target, Wake.EVENT)
    assert type(outcome.error) is ProbeFailed
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 2}', None)
    assert world.names == ["app.json"]
    world.service.put("app", {"port": 3})
    assert type(world.sync(target, Wake.EVENT).error) is ProbeFailed, "nor is it well with the next"
    assert world.path.read_bytes() == b'{"port": 3}'
    probe.otherwise = True
    assert world.sync(target, Wake.RELOAD_RETRY).error is None
    probe.script.extend([True])
    probe.otherwise = False
    world.service.put("app", {"port": 4})
    world.sync(target, Wake.EVENT)
    assert world.path.read_bytes() == b'{"port": 3}', "and well again, it is protected again"


def splayed(world: World, splay_s: float) -> Target:
    world.reconciler = Reconciler(
        world.service,
        keys=world.keys,
        records=world.records,
        disk=world.disk,
        clock=world.clock,
        chance=lambda: 0.5,
    )
    return dataclasses.replace(world.target(), splay_s=splay_s)


def test_the_first_try_waits_for_a_part_of_the_splay_and_no_other(world: World, stop: ClockedStop) -> None:
    target = splayed(world, 600.0)
    world.service.put("app", {"port": 1})
    world.reload.script.append(ProbeFailed("no"))
    world.sync(target)
    assert stop.waits == [300.0]
    assert world.sync(target, Wake.RELOAD_RETRY).error is None
    asked = Occasion(is_forced_reload=True)
    assert world.sync(target, Wake.RELOAD_RETRY, occasion=asked).reload is ReloadResult.RELOADED
    assert stop.waits == [300.0]


def test_looks_at_a_consumer_that_does_not_run_wait_for_no_splay(world: World, stop: ClockedStop) -> None:
    """They have a backoff of their own, and the content is not new."""
    target = splayed(world, 600.0)
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.extend([ReloadResult.WAITING_FOR_CONSUMER] * 3)
    world.sync(target, Wake.EVENT)
    waits = len(stop.waits)
    for _ in range(3):
        world.sync(target, Wake.RELOAD_RETRY)
    assert (len(stop.waits), world.owes()) == (waits, False)
    world.service.put("app", {"port": 3})
    world.sync(target, Wake.RELOAD_RETRY, Wake.EVENT)
    assert len(stop.waits) == waits + 1, "beside news it is a first try"


def test_a_stop_during_the_splay_ends_it_at_once_and_nothing_is_lost(world: World, stop: ClockedStop) -> None:
    target = splayed(world, 86400.0)
    world.service.put("app", {"port": 1})
    world.stop = ClockedStop(world.clock, at_s=world.clock.passed_s + 5.0)
    with pytest.raises(Stopped):
        world.sync(target)
    assert world.clock.passed_s < 10
    assert (world.path.read_bytes(), world.reload.orders, world.owes()) == (b'{"port": 1}', [], True)
    world.stop = ClockedStop(world.clock)
    world.restart()
    assert world.sync(world.target()).reload is ReloadResult.RELOADED
    assert world.sync(world.target()).result is Result.UNCHANGED


def test_readiness_hears_of_the_files_before_the_consumers_turn(world: World, stop: ClockedStop) -> None:
    heard: list[tuple[bool, int]] = []
    occasion = Occasion(on_published=lambda record: heard.append((bool(record.written), len(world.reload.orders))))
    world.service.put("app", {"port": 1})
    world.sync(world.target(), occasion=occasion)
    assert heard == [(True, 0)]
