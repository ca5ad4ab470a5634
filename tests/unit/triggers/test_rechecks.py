"""After an event that brought nothing new: four looks, then it is left to the resync."""

from __future__ import annotations

import pytest

from config_sync.triggers.rechecks import Rechecks
from config_sync.triggers.resync import resync_delay
from config_sync.workqueue import Wake


def middle() -> float:
    return 0.5


def test_a_stale_answer_is_asked_for_again_four_times() -> None:
    series = Rechecks(middle)
    delays = [series.settled({Wake.EVENT}, is_new=False)]
    delays += [series.settled({Wake.RECHECK}, is_new=False) for _ in range(5)]
    assert delays == [0.25, 1.0, 4.0, 15.0, None, None]


def test_the_third_read_that_brings_the_change_ends_the_series() -> None:
    series = Rechecks(middle)
    series.settled({Wake.EVENT}, is_new=False)
    series.settled({Wake.RECHECK}, is_new=False)
    assert series.settled({Wake.RECHECK}, is_new=True) is None
    assert series.settled({Wake.RESYNC}, is_new=False) is None


def test_an_event_that_brings_its_change_needs_none() -> None:
    assert Rechecks(middle).settled({Wake.EVENT, Wake.CONNECTED}, is_new=True) is None


@pytest.mark.parametrize("wake", [wake for wake in Wake if wake not in (Wake.EVENT, Wake.RECHECK)])
def test_no_other_wake_up_starts_a_series(wake: Wake) -> None:
    assert Rechecks(middle).settled({wake}, is_new=False) is None


def test_a_run_for_another_reason_does_not_lose_the_step() -> None:
    series = Rechecks(middle)
    series.settled({Wake.EVENT}, is_new=False)
    series.settled({Wake.RECHECK}, is_new=False)
    assert series.settled({Wake.RESYNC}, is_new=False) == 1.0
    assert series.settled({Wake.RECHECK}, is_new=False) == 4.0


def test_a_newer_event_starts_over() -> None:
    series = Rechecks(middle)
    series.settled({Wake.EVENT}, is_new=False)
    series.settled({Wake.RECHECK}, is_new=False)
    assert series.settled({Wake.RECHECK, Wake.EVENT}, is_new=False) == 0.25


def test_a_failed_fetch_after_an_event_keeps_the_series_for_the_one_that_works() -> None:
    series = Rechecks(middle)
    assert series.settled({Wake.EVENT}, is_new=None) is None
    assert series.settled({Wake.RETRY}, is_new=None) is None
    assert series.settled({Wake.RETRY}, is_new=False) == 0.25


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, 240.0), (0.5, 300.0), (1.0, 360.0)], ids=["low", "mid", "high"])
def test_resync_is_spread_by_a_fifth_either_way(drawn: float, expected: float) -> None:
    assert resync_delay(300.0, lambda: drawn) == pytest.approx(expected)
