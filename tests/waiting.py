"""Bounded waits on a condition: the only way a test waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], *, within_s: float = 60.0, every_s: float = 0.01) -> T:
    """The predicate's first true value; fails the test with what it last gave when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(
                f"not within {within_s} s: {getattr(predicate, '__doc__', None) or predicate}, last {value!r}"
            )
        time.sleep(every_s)  # the one sleep in the tests: between two looks at a condition
