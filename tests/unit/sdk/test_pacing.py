"""When a watch connects and fetches again: arithmetic, with time and chance handed in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.errors import NotFound, ServiceUnavailable, SyncError, TlsFailed, Unauthorized, UnexpectedResponse
from config_sync.sdk.pacing import Freshness, Pace

BROKEN = ServiceUnavailable("broken")


def always(number: float) -> Pace:
    """With a `retry_delay` of one second, and a chance that is always the same."""
    return Pace(1.0, lambda: number)


def test_the_series_grows_to_thirty_seconds() -> None:
    pace = always(1.0)
    assert [pace.after(BROKEN, lived_s=0) for _ in range(6)] == [2, 4, 8, 16, 30, 30]


def test_a_clean_end_counts_like_a_failure() -> None:
    pace = always(1.0)
    assert [pace.after(None, lived_s=1.0) for _ in range(3)] == [2, 4, 8]


def test_a_stream_that_has_lived_starts_the_series_over() -> None:
    pace = always(1.0)
    assert [pace.after(BROKEN, lived_s=lived) for lived in (0, 0, 29.9, 30.0, 0)] == [2, 4, 8, 2, 4]


def test_silence_grows_nothing() -> None:
    pace = always(1.0)
    assert [pace.after_silence() for _ in range(3)] == [2, 2, 2]
    assert pace.after(BROKEN, lived_s=0) == 2


@pytest.mark.parametrize(
    "error", [Unauthorized("401"), NotFound("404"), TlsFailed("tls"), UnexpectedResponse("302")], ids=str
)
def test_where_a_person_must_act_the_delay_is_long(error: SyncError) -> None:
    assert always(0.0).after(error, lived_s=0) == 15
    assert always(1.0).after(error, lived_s=0) == 30
    assert Pace(0.0, lambda: 1.0).after(error, lived_s=0) == 0.32


def test_what_the_server_asks_for_is_a_floor() -> None:
    pace = always(0.0)
    assert pace.after(ServiceUnavailable("later", retry_after_s=7), lived_s=0) == 7
    assert pace.after(BROKEN, lived_s=0) == 0
    pace.heed(5000)
    pace.heed(None)
    assert pace.after(None, lived_s=0) == 5
    assert pace.after_silence() == 5
    assert pace.after(ServiceUnavailable("later", retry_after_s=7), lived_s=0) == 7


@given(st.floats(0, 1e6), st.floats(0, 1, exclude_max=True), st.integers(0, 300_000) | st.none())
def test_every_delay_is_within_its_bounds(retry_delay_s: float, chance: float, retry_ms: int | None) -> None:
    pace = Pace(retry_delay_s, lambda: chance)
    pace.heed(retry_ms)
    floor_s = (retry_ms or 0) / 1000
    for error in (BROKEN, None, NotFound("404")) * 5:
        assert floor_s <= pace.after(error, lived_s=0) <= max(30, floor_s + 30)


def fresh() -> Freshness:
    """With a chance in the middle: re-checks exactly at `backoff.RECHECKS_S`."""
    return Freshness(1.0, lambda: 0.5)


def test_nothing_is_due_at_first() -> None:
    assert fresh().due_in(0.0) == math.inf


def test_a_connect_is_one_fetch() -> None:
    one = fresh()
    one.mark_connected(10.0)
    assert one.due_in(10.0) == 0
    one.fetched(10.0, is_new=False, version=3)
    assert one.due_in(10.0) == math.inf


def test_an_event_that_brings_nothing_is_looked_into_four_more_times() -> None:
    one = fresh()
    one.mark_event(0.0, None)
    waits = []
    now = 0.0
    while one.due_in(now) != math.inf:
        waits.append(one.due_in(now))
        now += one.due_in(now)
        one.fetched(now, is_new=False, version=None)
    assert waits == [0.0, 0.25, 1.0, 4.0, 15.0]


@pytest.mark.parametrize(
    ("wanted", "found", "is_new", "ends"),
    [
        (None, None, True, True),
        (None, 7, True, True),
        (7, None, True, True),
        (7, None, False, False),
        (7, 7, False, True),
        (7, 8, False, True),
        (7, 6, True, False),
        (None, None, False, False),
    ],
    ids=["new", "new-7", "new-wanted", "same-wanted", "seen", "newer", "new-but-older", "same"],
)
def test_what_ends_the_series(wanted: int | None, found: int | None, is_new: bool, ends: bool) -> None:
    one = fresh()
    one.mark_event(0.0, wanted)
    one.fetched(0.0, is_new=is_new, version=found)
    assert (one.due_in(0.0) == math.inf) is ends


def test_a_newer_event_starts_the_series_over() -> None:
    one = fresh()
    one.mark_event(0.0, None)
    for now in (0.0, 0.25, 1.25):
        one.fetched(now, is_new=False, version=None)
    one.mark_event(2.0, None)
    assert one.due_in(2.0) == 0
    one.fetched(2.0, is_new=False, version=None)
    assert one.due_in(2.0) == 0.25


def test_failures_are_tried_again_with_growing_delays_until_one_succeeds() -> None:
    one = fresh()
    one.mark_connected(0.0)
    waits = []
    for _ in range(3):
        one.failed(0.0, BROKEN)
        waits.append(one.due_in(0.0))
    assert waits == [1, 2, 4]
    one.fetched(0.0, is_new=True, version=None)
    one.failed(0.0, BROKEN)
    assert one.due_in(0.0) == 1


def test_a_value_that_cannot_be_used_waits_for_another() -> None:
    one = fresh()
    one.mark_event(0.0, 1)
    one.unusable()
    assert one.due_in(0.0) == math.inf
