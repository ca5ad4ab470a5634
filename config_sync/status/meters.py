"""Counters and histograms, fed where things happen; one set for the whole process, as there is one log."""

from __future__ import annotations

import contextlib
import threading
import time
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from config_sync.status.metrics import SYNC_DURATION, Metric

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histograms' buckets: a render takes about a millisecond, a slow hook half a minute."""

Labels: TypeAlias = tuple[str, ...]
"""The values of a series' labels, in the order of `Metric.labels`."""


@dataclass(slots=True)
class Histogram:
    """How many values fell at or below each bound and above the one before it; the last count is of those above all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum: float = 0.0

    def copy(self) -> Histogram:
        """As it is now."""
        return Histogram(list(self.counts), self.sum)


class Meters:
    """Thread-safe; every method is short and never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[Metric, dict[Labels, float]] = {}
        self._histograms: dict[Metric, dict[Labels, Histogram]] = {}

    def count(self, metric: Metric, *labels: str) -> None:
        """One more."""
        with self._lock:
            series = self._counters.setdefault(metric, {})
            series[labels] = series.get(labels, 0.0) + 1.0

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """One more value of a histogram."""
        with self._lock:
            series = self._histograms.setdefault(metric, {})
            histogram = series.setdefault(labels, Histogram())
            histogram.counts[bisect_left(BOUNDS_S, value)] += 1
            histogram.sum += value

    @contextlib.contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """The time spent inside counts for the stage of a pass, also where it ends in an error."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.observe(SYNC_DURATION, time.perf_counter() - begun, stage)

    def keep(self, *, targets: Collection[str], configs: Collection[str]) -> None:
        """Let go of the series of every other target and config."""
        known = {"target": targets, "config": configs}
        with self._lock:
            for metric, series in self._counters.items():
                held = [(place, known[name]) for place, name in enumerate(metric.labels) if name in known]
                for labels in [one for one in series if any(one[place] not in names for place, names in held)]:
                    del series[labels]

    def counters(self) -> Mapping[Metric, Mapping[Labels, float]]:
        """As of now."""
        with self._lock:
            return {metric: dict(series) for metric, series in self._counters.items()}

    def histograms(self) -> Mapping[Metric, Mapping[Labels, Histogram]]:
        """As of now."""
        with self._lock:
            return {
                metric: {labels: one.copy() for labels, one in series.items()}
                for metric, series in self._histograms.items()
            }


METERS = Meters()
"""Of this process."""
