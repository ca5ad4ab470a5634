"""What a scrape says, read by a parser of our own that knows the format from its specification."""

from __future__ import annotations

import re

from config_sync.status import metrics
from config_sync.status.exposition import exposition
from config_sync.status.gauges import StreamSeen, gauges
from config_sync.status.meters import BOUNDS_S, Meters
from config_sync.status.metrics import METRICS, Metric, MetricType
from tests.prometheus_text import parse


def test_every_metric_has_its_help_and_type_before_anything_happened() -> None:
    text = exposition(Meters(), {})
    for metric in METRICS:
        assert f"# HELP {metric.name} " in text
        assert f"# TYPE {metric.name} {metric.type.value}\n" in text


def test_names_are_valid_and_follow_the_conventions() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
        assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
        assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
        assert metric.help.endswith(".")


def test_counts_add_up() -> None:
    meters = Meters()
    for result in ("changed", "unchanged", "changed"):
        meters.count(metrics.SYNCS, "app", result, "InSync")
    found = parse(exposition(meters, {}))
    assert found["config_sync_sync_total", (("reason", "InSync"), ("result", "changed"), ("target", "app"))] == 2
    assert found["config_sync_sync_total", (("reason", "InSync"), ("result", "unchanged"), ("target", "app"))] == 1


def test_label_values_of_any_kind_come_back() -> None:
    meters = Meters()
    hostile = ['a"b', "a\\b", "a\nb", 'x"} 1\nevil 2', "ü\u2028", "{}", "\\n", ""]
    for name in hostile:
        meters.count(metrics.DRIFT, name, "content")
    text = exposition(meters, {})
    found = {dict(labels)["target"] for name, labels in parse(text) if name == "config_sync_drift_total"}
    assert found == set(hostile)
    assert "\nevil" not in text


def test_a_lone_surrogate_does_not_break_the_scrape() -> None:
    meters = Meters()
    meters.count(metrics.DRIFT, "a\udcff", "content")
    assert 'target="a?"' in exposition(meters, {}).encode().decode()


def test_a_histogram_is_cumulative_and_ends_with_infinity() -> None:
    meters = Meters()
    for value in (0.0005, 0.001, 0.2, 1000.0):
        meters.observe(metrics.EVENT_TO_DISK, value)
    found = parse(exposition(meters, {}))
    name = "config_sync_event_to_disk_seconds"
    buckets = [found[f"{name}_bucket", (("le", f"{bound:g}"),)] for bound in BOUNDS_S]
    assert buckets[0] == 2
    assert buckets[-1] == 3
    assert buckets == sorted(buckets)
    assert found[f"{name}_bucket", (("le", "+Inf"),)] == found[f"{name}_count", ()] == 4
    assert found[f"{name}_sum", ()] == 1000.2015


def test_stages_are_timed_also_when_they_fail() -> None:
    meters = Meters()
    try:
        with meters.timing("fetch"):
            raise OSError
    except OSError:
        pass
    assert parse(exposition(meters, {}))["config_sync_sync_duration_seconds_count", (("stage", "fetch"),)] == 1


def test_series_of_targets_and_configs_that_are_gone_go() -> None:
    meters = Meters()
    series: list[tuple[Metric, tuple[str, ...]]] = [
        (metrics.SYNCS, ("app", "changed", "Missing")),
        (metrics.SYNCS, ("gone", "changed", "Missing")),
        (metrics.STREAM_RECONNECTS, ("common", "StreamEnded")),
        (metrics.STREAM_RECONNECTS, ("gone", "StreamEnded")),
    ]
    for metric, labels in series:
        meters.count(metric, *labels)
    meters.observe(metrics.SYNC_DURATION, 1.0, "fetch")
    meters.keep(targets={"app"}, configs={"common"})
    text = exposition(meters, {})
    assert "gone" not in text
    assert 'target="app"' in text
    assert 'config="common"' in text
    assert 'stage="fetch"' in text


def test_gauges_of_streams_and_of_the_process() -> None:
    found = parse(exposition(Meters(), gauges([], {"a": StreamSeen(True, 5.5), "b": StreamSeen(False, None)})))
    assert found["config_sync_stream_connected", (("config", "a"),)] == 1
    assert found["config_sync_stream_connected", (("config", "b"),)] == 0
    assert found["config_sync_stream_last_byte_timestamp_seconds", (("config", "a"),)] == 5.5
    assert ("config_sync_stream_last_byte_timestamp_seconds", (("config", "b"),)) not in found
    assert found["process_resident_memory_bytes", ()] > 1_000_000
    assert 0 < found["process_open_fds", ()] < found["process_max_fds", ()]
    assert found["process_start_time_seconds", ()] > 1_600_000_000
    assert found["process_cpu_seconds_total", ()] > 0
