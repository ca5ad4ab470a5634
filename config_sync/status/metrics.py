"""The catalogue of metrics: every name with its type, its labels and its meaning. The README lists them from here."""

from __future__ import annotations

import enum
from dataclasses import dataclass

PREFIX = "config_sync_"


class MetricType(enum.Enum):
    """Prometheus' types that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One family of series; each is itself alone. `name` is whole, as it is scraped."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    help: str


def _ours(name: str, kind: MetricType, labels: str, text: str) -> Metric:
    return Metric(PREFIX + name, kind, tuple(labels.split()), text)


_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM

INFO = _ours("info", _G, "version", "Always 1; the label tells the version of config-sync.")
UP_TO_DATE = _ours("up_to_date", _G, "target", "1 where the target's state is synced, else 0.")
CURRENT_AS_OF = _ours(
    "current_as_of_timestamp_seconds",
    _G,
    "target",
    "Unix time of the last moment at which the service confirmed what is on disk; absent before the first.",
)
SYNCS = _ours("sync_total", _C, "target result reason", "Passes over the target by how they ended.")
SYNC_DURATION = _ours(
    "sync_duration_seconds", _H, "stage", "How long the stages of passes took: fetch, render, publish, reload."
)
STREAM_CONNECTED = _ours("stream_connected", _G, "config", "1 where the config's change stream is open, else 0.")
STREAM_RECONNECTS = _ours(
    "stream_reconnects_total", _C, "config reason", "Connects of a stream after the first, by why the one before ended."
)
STREAM_LAST_BYTE = _ours(
    "stream_last_byte_timestamp_seconds",
    _G,
    "config",
    "Unix time of the last byte on the stream, keep-alives included; absent before the first.",
)
EVENT_TO_DISK = _ours(
    "event_to_disk_seconds", _H, "", "From the arrival of an event of a change to the new files in place."
)
RELOADS = _ours("reload_total", _C, "target kind result", "Times that a consumer was told, by how it ended.")
RELOAD_PENDING = _ours(
    "reload_pending", _G, "target", "1 where the consumer has not been told yet of what is on disk, else 0."
)
REJECTED = _ours("rejected_total", _C, "target reason", "Changes that were refused; each counts once, not its retries.")
CONFIG_VERSION = _ours(
    "config_version", _G, "target config", "The version of the config that is on disk; absent while it is not known."
)
FROM_CACHE = _ours("from_cache", _G, "target", "1 where the files came from the cache, not from the service, else 0.")
DRIFT = _ours(
    "drift_total",
    _C,
    "target kind",
    "Edits by others that were found, by kind: content, missing, metadata (also a mode or owner that the settings "
    "changed).",
)
CPU = Metric("process_cpu_seconds_total", _C, (), "CPU time of the agent, user and system.")
RESIDENT = Metric("process_resident_memory_bytes", _G, (), "Resident memory of the agent.")
VIRTUAL = Metric("process_virtual_memory_bytes", _G, (), "Virtual memory of the agent.")
STARTED = Metric("process_start_time_seconds", _G, (), "Unix time at which the agent started.")
OPEN_FILES = Metric("process_open_fds", _G, (), "Open descriptors of the agent.")
MAX_FILES = Metric("process_max_fds", _G, (), "How many descriptors it may have open.")

METRICS = (
    INFO, UP_TO_DATE, CURRENT_AS_OF, SYNCS, SYNC_DURATION, STREAM_CONNECTED, STREAM_RECONNECTS, STREAM_LAST_BYTE,
    EVENT_TO_DISK, RELOADS, RELOAD_PENDING, REJECTED, CONFIG_VERSION, FROM_CACHE, DRIFT, CPU, RESIDENT, VIRTUAL,
    STARTED, OPEN_FILES, MAX_FILES,
)  # fmt: skip
"""All of them, in the order of a scrape."""
