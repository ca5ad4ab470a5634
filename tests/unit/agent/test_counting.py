"""What the passes count: each rejection once, and an event until its change is in place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config_sync.agent.counting import Counting
from config_sync.errors import CheckNotRunnable, CheckRejected, Refused, ServiceUnavailable, SyncError
from config_sync.model import AbsolutePath, Outcome, Result
from config_sync.status import metrics
from config_sync.status.meters import METERS
from tests.fakes import HandClock

NAME = "counted-app"
"""The meters are the process's: no other test has a target of this name."""


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    METERS.keep(targets=(), configs=())


class Counted:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.counting = Counting(self.clock.monotonic)
        self._before = self._events()

    def heard(self) -> None:
        self.counting.heard([NAME])

    def passed(
        self,
        error: SyncError | None = None,
        *,
        wrote: bool = False,
        goes_on: bool = False,
        placed_after_s: float | None = None,
        took_s: float = 0.0,
    ) -> None:
        self.counting.begun(NAME)
        if placed_after_s is not None:
            self.clock.passed_s += placed_after_s
            self.counting.in_place(NAME)
        self.clock.passed_s += took_s
        result = Result.FAILED if error is not None else Result.CHANGED if wrote else Result.UNCHANGED
        reason = "InSync" if error is None else error.reason
        paths = (AbsolutePath("/a"),) if wrote else ()
        self.counting.finished(Outcome(NAME, result, reason, 0.0, error, wrote=paths), goes_on=goes_on)

    @property
    def rejections(self) -> float:
        return sum(value for labels, value in METERS.counters().get(metrics.REJECTED, {}).items() if labels[0] == NAME)

    @staticmethod
    def _events() -> tuple[int, float]:
        found = METERS.histograms().get(metrics.EVENT_TO_DISK, {}).get(())
        return (0, 0.0) if found is None else (sum(found.counts), found.sum)

    @property
    def events(self) -> tuple[int, float]:
        """How many were measured since this test began, and their seconds together."""
        count, total = self._events()
        return count - self._before[0], round(total - self._before[1], 6)


def refused(message: str, revision: str | None = None, version: int | None = None) -> CheckRejected:
    error = CheckRejected(message)
    error.refused = Refused(version, revision)
    return error


def test_a_rejection_counts_once_however_often_it_is_met() -> None:
    counted = Counted()
    for took in ("0.0", "0.1", "0.2"):
        counted.passed(refused(f"exit code 1 after {took} s", "abc"))
    counted.passed(ServiceUnavailable("away"))
    counted.passed(refused("exit code 1", "abc", version=4))  # the list told its version meanwhile
    assert counted.rejections == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(refused("no", "abc"), refused("no", "def"), id="another_revision"),
        pytest.param(refused("no", version=2), refused("no", version=3), id="another_version"),
        pytest.param(CheckRejected("no"), CheckRejected("never"), id="other_words_where_nothing_else_is_known"),
    ],
)
def test_another_rejection_counts_anew(one: SyncError, other: SyncError) -> None:
    counted = Counted()
    for error in (one, one, other, other):
        counted.passed(error)
    assert counted.rejections == 2


def test_a_checker_that_could_not_be_started_has_rejected_nothing() -> None:
    counted = Counted()
    counted.passed(CheckNotRunnable("no such program"))
    assert counted.rejections == 0


def test_after_a_good_pass_the_same_rejection_is_a_new_one() -> None:
    counted = Counted()
    counted.passed(refused("no", "abc"))
    counted.passed()
    counted.passed(refused("no", "abc"))
    assert counted.rejections == 2


def test_an_event_is_measured_to_the_file_in_place_and_not_to_the_end_of_the_hook() -> None:
    counted = Counted()
    counted.heard()
    counted.clock.passed_s += 1.0
    counted.passed(wrote=True, placed_after_s=0.5, took_s=30.0)
    assert counted.events == (1, 1.5)


def test_an_event_is_measured_from_its_arrival_also_when_its_change_comes_late() -> None:
    counted = Counted()
    counted.heard()
    counted.passed(goes_on=True, took_s=1.0)
    counted.passed(ServiceUnavailable("away"), took_s=2.0)
    counted.passed(wrote=True, took_s=4.0)
    assert counted.events == (1, 7.0)


def test_a_change_that_no_event_told_of_is_not_measured() -> None:
    counted = Counted()
    counted.passed(wrote=True)
    counted.heard()
    counted.passed()  # it was there already
    counted.passed(wrote=True)
    assert counted.events == (0, 0.0)


def test_every_pass_counts_by_how_it_ended() -> None:
    counted = Counted()
    counted.passed(wrote=True)
    counted.passed()
    counted.passed(ServiceUnavailable("away"))
    series = METERS.counters()[metrics.SYNCS]
    assert {labels[1:]: value for labels, value in series.items() if labels[0] == NAME} == {
        ("changed", "InSync"): 1,
        ("unchanged", "InSync"): 1,
        ("failed", "ServiceUnavailable"): 1,
    }
