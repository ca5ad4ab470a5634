"""Metrics as Prometheus reads them: the text format, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from config_sync.status.meters import BOUNDS_S, Histogram, Labels, Meters
from config_sync.status.metrics import METRICS, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


def exposition(meters: Meters, gauges: Mapping[Metric, Mapping[Labels, float]]) -> str:
    """Every metric that has a series, and the head of every other one, so that each name is there from the start."""
    series = {**meters.counters(), **gauges}
    histograms = meters.histograms()
    return "".join(line + "\n" for metric in METRICS for line in _family(metric, series, histograms))


def _family(
    metric: Metric,
    series: Mapping[Metric, Mapping[Labels, float]],
    histograms: Mapping[Metric, Mapping[Labels, Histogram]],
) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help.translate(_ESCAPES)}"
    yield f"# TYPE {metric.name} {metric.type.value}"
    for labels, value in series.get(metric, {}).items():
        yield _sample(metric.name, zip(metric.labels, labels, strict=True), value)
    for labels, histogram in histograms.get(metric, {}).items():
        pairs = list(zip(metric.labels, labels, strict=True))
        for bound, count in zip((*BOUNDS_S, math.inf), accumulate(histogram.counts), strict=True):
            yield _sample(f"{metric.name}_bucket", [*pairs, ("le", _number(bound))], count)
        yield _sample(f"{metric.name}_sum", pairs, histogram.sum)
        yield _sample(f"{metric.name}_count", pairs, sum(histogram.counts))


def _sample(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    inner = ",".join(f'{label}="{_text(text).translate(_LABEL_ESCAPES)}"' for label, text in labels)
    return f"{name}{{{inner}}} {_number(value)}" if inner else f"{name} {_number(value)}"


def _text(text: str) -> str:
    """Without what no UTF-8 can hold: a name that was not UTF-8 where it came from."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
