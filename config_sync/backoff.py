"""How long to wait before trying again: pure arithmetic, chance is handed in.

The series is "full jitter": the k-th delay (from 0) is uniform in [0, min(max, first * 2**k)]. Among 10,000 clients
that lost one server it keeps the worst 100 ms to some 300 connects, where delays without jitter bring all of them.
`chance` is always a function without arguments that gives a number in [0, 1), such as `random.random`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

RETRY_AFTER_CAP_S = 300.0
"""The longest wait a server may ask for: a typing error over there must not put us to sleep for a day."""

RECHECKS_S = (0.25, 1.0, 4.0, 15.0)
"""After an event whose change is not readable yet; later than that the resync finds it."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_DATES = (
    # RFC 9110 5.6.7: the one to send, then the two to accept as well.
    re.compile(rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_CLOCK} GMT", re.ASCII),
    re.compile(rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_CLOCK} GMT", re.ASCII),
    re.compile(rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})", re.ASCII),
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """The bounds of a series of delays, in seconds."""

    first_s: float
    max_s: float


class Delays:
    """One series of delays under way."""

    __slots__ = ("_backoff", "_chance", "_taken")

    def __init__(self, backoff: Backoff, chance: Callable[[], float]) -> None:
        self._backoff = backoff
        self._chance = chance
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many delays were given since the last reset."""
        return self._taken

    def next(self, floor_s: float | None = None) -> float:
        """The next delay, in seconds, never below `floor_s` (a server's ``Retry-After``).

        Where the draw falls below the floor, the delay is the floor and a fresh draw from [0, first]: a server that
        told ten thousand clients the same number does not get them all in the same instant.
        """
        # 2**1000 still fits a float; nobody waits through a thousand failures to see the next doubling.
        ceiling = min(self._backoff.max_s, self._backoff.first_s * 2.0 ** min(self._taken, 1000))
        self._taken += 1
        drawn = self._chance() * ceiling
        if floor_s is None or drawn >= floor_s:
            return drawn
        return floor_s + self._chance() * min(self._backoff.first_s, self._backoff.max_s)

    def reset(self) -> None:
        """Begin again with the first delay."""
        self._taken = 0


def slow_delay(max_s: float, chance: Callable[[], float]) -> float:
    """The wait, in seconds, where a person must act first: uniform in [max/2, max]."""
    return max_s * (1.0 + chance()) / 2.0


def around(interval_s: float, chance: Callable[[], float], *, spread: float = 0.2) -> float:
    """The interval give or take `spread` of it (the resync's ±20 %), uniformly: clients drift apart."""
    return interval_s * (1.0 - spread + 2.0 * spread * chance())


def recheck_delays(chance: Callable[[], float]) -> tuple[float, ...]:
    """The waits, in seconds and each after the one before, of one series of re-checks: `RECHECKS_S` ±20 %."""
    return tuple(around(delay_s, chance) for delay_s in RECHECKS_S)


def parse_retry_after(text: str, now: float) -> float | None:
    """Seconds from `now` (Unix time) that a ``Retry-After`` asks for, in [0, 300]; None where it says nothing.

    Seconds or an HTTP date (RFC 9110 10.2.3). Only ASCII digits count: ``-1``, ``1.5``, ``soon`` and Arabic-Indic
    digits are ignored. A date in the past is 0.
    """
    text = text.strip(" \t")
    if re.fullmatch(r"[0-9]+", text):
        # Length first: int() of thousands of digits is slow, and refused above 4300.
        return RETRY_AFTER_CAP_S if len(text.lstrip("0")) > 9 else min(float(text), RETRY_AFTER_CAP_S)
    date = parse_http_date(text, now)
    return None if date is None else min(max(0.0, date - now), RETRY_AFTER_CAP_S)


def parse_http_date(text: str, now: float) -> float | None:
    """Unix time of an HTTP date in any of its three forms (RFC 9110 5.6.7), None for anything else.

    `now` (Unix time) places the two-digit years of the oldest form: never more than 50 years ahead.
    """
    match = next((found for form in _DATES if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    year, day = int(match["year"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:
        this_year = 1970 + int(now // 31_556_952)
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    month = _MONTHS.index(match["month"]) + 1
    try:
        # A leap second (:60) is told as the one before it.
        when = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second, tzinfo=UTC)
    except ValueError:
        return None
    return when.timestamp()
