"""Delays: their bounds as properties, their spread by simulation, and what servers may ask for."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.backoff import (
    RECHECKS_S,
    RETRY_AFTER_CAP_S,
    Backoff,
    Delays,
    around,
    parse_http_date,
    parse_retry_after,
    recheck_delays,
    slow_delay,
)

NOW = 1_764_040_000.0  # Tue, 25 Nov 2025 03:06:40 GMT

chances = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)
backoffs = st.builds(
    lambda first, factor: Backoff(first, first * factor),
    st.floats(min_value=0.001, max_value=60.0),
    st.floats(min_value=1.0, max_value=1000.0),
)


@given(backoffs, st.lists(chances, min_size=1, max_size=40))
def test_the_kth_delay_is_the_draw_from_zero_to_the_kth_ceiling(backoff: Backoff, draws: list[float]) -> None:
    left = iter(draws)
    delays = Delays(backoff, lambda: next(left))
    for k, drawn in enumerate(draws):
        assert math.isclose(delays.next(), drawn * min(backoff.max_s, backoff.first_s * 2**k))
    assert delays.taken == len(draws)


@given(backoffs, chances, st.floats(min_value=0.0, max_value=300.0), st.integers(min_value=0, max_value=20))
def test_a_floor_is_never_undercut_and_overshot_by_at_most_the_first_delay(
    backoff: Backoff, drawn: float, floor_s: float, before: int
) -> None:
    delays = Delays(backoff, lambda: drawn)
    for _ in range(before):
        delays.next()
    ceiling = min(backoff.max_s, backoff.first_s * 2**before)
    assert floor_s <= delays.next(floor_s) <= max(ceiling, floor_s + backoff.first_s)


def test_after_a_reset_the_series_begins_again() -> None:
    delays = Delays(Backoff(1.0, 60.0), lambda: 0.5)
    assert [delays.next() for _ in range(4)] == [0.5, 1.0, 2.0, 4.0]
    delays.reset()
    assert (delays.taken, delays.next()) == (0, 0.5)


def test_ten_thousand_failures_keep_to_the_ceiling() -> None:
    delays = Delays(Backoff(5.0, 60.0), lambda: 0.5)
    assert [delays.next() for _ in range(10_000)][-1] == 30.0


def test_the_first_delay_is_spread_evenly() -> None:
    chance = random.Random(2).random
    tenths = Counter(int(Delays(Backoff(5.0, 60.0), chance).next() / 0.5) for _ in range(10_000))
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 1_150  # 1,000 each, give or take five standard deviations


def test_ten_thousand_clients_come_back_in_no_wave() -> None:
    # All lose one server at second 0; it stays away for 30 s. The worst 100 ms: without jitter all 10,000 of them.
    chance = random.Random(1).random
    arrivals: Counter[int] = Counter()
    for _ in range(10_000):
        delays, at_s = Delays(Backoff(5.0, 60.0), chance), 0.0
        while at_s < 30.0:
            at_s += delays.next()
            arrivals[int(at_s * 10)] += 1
    assert max(arrivals.values()) < 350


def test_clients_that_were_told_the_same_wait_do_not_come_at_once() -> None:
    chance = random.Random(3).random
    waits = [Delays(Backoff(5.0, 60.0), chance).next(30.0) for _ in range(1000)]
    assert min(waits) >= 30.0
    assert max(Counter(int(wait * 10) for wait in waits).values()) < 50


@given(st.floats(min_value=0.001, max_value=1e6), chances)
def test_a_slow_delay_is_in_the_upper_half(max_s: float, drawn: float) -> None:
    assert max_s / 2 <= slow_delay(max_s, lambda: drawn) <= max_s


@given(st.floats(min_value=0.001, max_value=1e6), chances)
def test_an_interval_moves_by_a_fifth_at_most(interval_s: float, drawn: float) -> None:
    moved = around(interval_s, lambda: drawn)
    assert 0.8 * interval_s * 0.999999 <= moved <= 1.2 * interval_s * 1.000001


@given(chances)
def test_rechecks_follow_their_series_with_jitter(drawn: float) -> None:
    delays = recheck_delays(lambda: drawn)
    assert len(delays) == len(RECHECKS_S)
    for delay, plain in zip(delays, RECHECKS_S, strict=True):
        assert 0.79 * plain < delay < 1.21 * plain


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7\t", 7.0),
        ("007", 7.0),
        ("300", 300.0),
        ("3600", RETRY_AFTER_CAP_S),
        ("9" * 5000, RETRY_AFTER_CAP_S),
        ("0" * 5000, 0.0),
        ("Tue, 25 Nov 2025 03:07:00 GMT", 20.0),
        ("Tuesday, 25-Nov-25 03:07:00 GMT", 20.0),
        ("Tue Nov 25 03:07:00 2025", 20.0),
        ("Tue, 25 Nov 2025 23:59:59 GMT", RETRY_AFTER_CAP_S),
        ("Mon, 24 Nov 2025 03:07:00 GMT", 0.0),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("0x10", None),
        ("7 s", None),
        ("7, 8", None),
        ("\u0667", None),
        ("\u00b2", None),
        ("soon", None),
        ("", None),
        ("Tue, 31 Feb 2026 03:07:00 GMT", None),
        ("Tue, 25 Nov 2025 24:07:00 GMT", None),
        ("Tue, 25 Nov 2025 03:07:00 +0100", None),
        ("Tue, 25 Nov 2025 03:07:00 GMT\n", None),
    ],
    ids=[
        "zero", "seconds", "spaces", "leading-zeros", "cap", "above-cap", "huge", "huge-zero", "imf-fixdate", "rfc-850",
        "asctime", "far-date", "past", "minus", "plus", "fraction", "exponent", "hex", "unit", "two", "arabic-digit",
        "superscript", "word", "empty", "no-such-day", "no-such-hour", "offset", "line-break",
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_nothing_else(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(st.text())
def test_retry_after_never_fails_and_stays_in_its_bounds(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0.0 <= seconds <= RETRY_AFTER_CAP_S


@pytest.mark.parametrize(
    ("text", "unix_time"),
    [
        # The three spellings of one instant: RFC 9110, section 5.6.7.
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228799.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sat, 31 Dec 2016 23:59:61 GMT", None),
    ],
    ids=["imf-fixdate", "rfc-850", "asctime", "leap-second", "epoch", "no-such-second"],
)
def test_an_http_date_is_its_unix_time(text: str, unix_time: float | None) -> None:
    assert parse_http_date(text, NOW) == unix_time
