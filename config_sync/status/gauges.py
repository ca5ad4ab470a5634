"""The metrics that are looked up at a scrape: what the board knows of targets and streams, and /proc of the process."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config_sync import __version__
from config_sync.status import metrics
from config_sync.status.board import TargetStatus
from config_sync.status.meters import Labels
from config_sync.status.metrics import Metric
from config_sync.status.state import State


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """The change stream of one config; `last_byte_at` in Unix seconds."""

    is_live: bool
    last_byte_at: float | None


def gauges(statuses: Iterable[TargetStatus], streams: Mapping[str, StreamSeen]) -> dict[Metric, Mapping[Labels, float]]:
    """Every series of now; what is not known has none."""
    known = list(statuses)
    named = [((one.target.name,), one) for one in known]
    return {
        metrics.INFO: {(__version__,): 1.0},
        metrics.UP_TO_DATE: {name: float(one.state is State.SYNCED) for name, one in named},
        metrics.CURRENT_AS_OF: {name: one.current_as_of for name, one in named if one.current_as_of is not None},
        metrics.RELOAD_PENDING: {name: float(one.reload_pending) for name, one in named},
        metrics.FROM_CACHE: {name: float(one.record.from_cache_since is not None) for name, one in named},
        metrics.CONFIG_VERSION: {
            (one.target.name, ref.label): float(version)
            for one in known
            for ref in one.target.configs
            if (version := one.record.version_of(ref, one.target)) is not None
        },
        metrics.STREAM_CONNECTED: {(config,): float(seen.is_live) for config, seen in streams.items()},
        metrics.STREAM_LAST_BYTE: {
            (config,): seen.last_byte_at for config, seen in streams.items() if seen.last_byte_at is not None
        },
        **_process(),
    }


def _process() -> dict[Metric, Mapping[Labels, float]]:
    """What the kernel knows of this process; what it does not tell has no series."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[Metric, float] = {metrics.CPU: used.ru_utime + used.ru_stime}
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found[metrics.MAX_FILES] = float("inf") if soft == resource.RLIM_INFINITY else float(soft)
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = file.read().split()
        size = os.sysconf("SC_PAGESIZE")
        found[metrics.VIRTUAL], found[metrics.RESIDENT] = float(pages[0]) * size, float(pages[1]) * size
        found[metrics.OPEN_FILES] = float(len(os.listdir("/proc/self/fd")) - 1)  # but the look itself
        found[metrics.STARTED] = _started_at()
    except (OSError, ValueError, IndexError):
        pass
    return {metric: {(): value} for metric, value in found.items()}


def _started_at() -> float:
    """Unix time at which this process began: ticks since the boot (proc(5), field 22 of stat). Raises OSError."""
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    with open("/proc/stat", encoding="ascii") as lines:
        booted_at = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return booted_at + ticks / os.sysconf("SC_CLK_TCK")
