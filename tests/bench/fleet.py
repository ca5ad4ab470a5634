"""One agent with a thousand configs, plain and over TLS: until all is there, what it holds, what it costs, how quick.

1. *Start*: from the start of the process until every file has its name, and until every stream is open.
2. *Idle*: CPU of `IDLE_S` in which each stream gets one comment and nothing changes; then the resident memory.
3. *Events*: single changes of configs in turn, from the event's leaving to the rename, while all streams are open.
4. *Burst*: ten events for each config, all at once: until every file has the last state, and how many fetches.

The same at a tenth and at a hundredth of the configs shows whether the cost grows with them or faster.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.bench.arrivals import Arrivals
from tests.bench.fleet_service import FleetService
from tests.bench.machine import command, environment_in
from tests.bench.memory import settled
from tests.bench.table import Row, Side, percentile
from tests.certificates import served
from tests.service import KEY, TOKEN
from tests.waiting import eventually

NOTE = (
    "fleet: `run` with so many targets of one file, in one directory; the service is raw asyncio over bytes that are "
    "ready, in the measuring process; idle CPU: each stream gets one comment in those 10 s; burst: 10 events for each "
    "config at once, fetches until nothing is asked any more; a config: the figure divided by their number"
)
IDLE_S = 10.0
BURST = 10
FULL = 1000
WITHIN_S = 180.0
SPACING_S = 0.05
CHANGES = 200
AIM_START_MS = 3000.0
AIM_EVENT_MS = {50: 5.0}
AIM_MB = {"plain": 75.0, "TLS": 120.0}


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running agent, the service it watches, and how its start went (milliseconds)."""

    pid: int
    files: Path
    service: FleetService
    files_ms: float
    streams_ms: float
    start_cpu_ms: float


@dataclass(frozen=True, slots=True)
class _Found:
    """What was measured of one fleet."""

    size: int
    files_ms: float
    streams_ms: float
    start_cpu_ms: float
    idle_cpu_ms: float
    rss_mb: float
    events_ms: list[float]
    burst_ms: float
    burst_fetches: int


def rows(directory: Path, count: int) -> list[Row]:
    """`count` configs plain and over TLS, and fewer of them plain."""
    _allow_descriptors()
    idle_s, changes = (IDLE_S, CHANGES) if count >= FULL else (0.5, 3)
    with fleet(directory, "warm-up", min(count, 10), tls=None):
        pass
    found = {
        size: _measured(directory, f"plain-{size}", size, tls=None, idle_s=idle_s, changes=changes)
        for size in sorted({max(1, count // 100), max(1, count // 10), count})
    }
    authority = trustme.CA()
    over_tls = _measured(directory, f"tls-{count}", count, tls=authority, idle_s=idle_s, changes=changes)
    growth = [row for size, one in found.items() for row in _growth(one, found[count])[: 4 if size < count else 0]]
    return [*_told("plain", found[count]), *_told("TLS", over_tls), *growth]


def _told(what: str, found: _Found) -> list[Row]:
    name = f"{found.size} configs, {what}"
    start = Side("aim", AIM_START_MS)
    events = len(found.events_ms)
    return [
        Row(Side(f"{name}: all files", found.files_ms, cpu_ms=found.start_cpu_ms), start, 1),
        Row(Side(f"{name}: all streams", found.streams_ms), start, 1),
        Row(Side(f"{name}: Rss", found.rss_mb, "MB"), Side("aim", AIM_MB[what], "MB"), 1),
        Row(Side(f"{name}: CPU of 10 s idle", found.idle_cpu_ms), None, 1),
        *(
            Row(
                Side(f"{name}: event to file, p{percent}", percentile(found.events_ms, percent)),
                Side("aim", AIM_EVENT_MS[percent]) if percent in AIM_EVENT_MS else None,
                events,
            )
            for percent in (50, 99)
        ),
        Row(Side(f"{name}: {BURST * found.size} events to all files", found.burst_ms), None, 1),
        Row(
            Side(f"{name}: fetches of the burst", found.burst_fetches, "fetches"),
            Side("events", BURST * found.size, "events"),
            1,
        ),
    ]


def _growth(one: _Found, whole: _Found) -> list[Row]:
    """What a config costs among few, beside what it costs among all."""

    def row(what: str, unit: str, few: float, all_: float) -> Row:
        return Row(Side(f"{what}, of {one.size}", few, unit), Side(f"of {whole.size}", all_, unit), 1)

    return [
        row("start, a config", "ms", max(one.files_ms, one.streams_ms) / one.size, whole.files_ms / whole.size),
        row("start CPU, a config", "ms", one.start_cpu_ms / one.size, whole.start_cpu_ms / whole.size),
        row("idle CPU of 10 s, a config", "ms", one.idle_cpu_ms / one.size, whole.idle_cpu_ms / whole.size),
        row("burst, a config", "ms", one.burst_ms / one.size, whole.burst_ms / whole.size),
    ]


def _measured(directory: Path, name: str, size: int, *, tls: trustme.CA | None, idle_s: float, changes: int) -> _Found:
    with fleet(directory, name, size, tls=tls, keep_alive_s=idle_s) as running:
        service = running.service
        rss_mb = settled(running.pid)["Rss"]
        before = cpu_ms(running.pid)
        time.sleep(idle_s)  # what is measured is that nothing happens
        idle_cpu_ms = cpu_ms(running.pid) - before
        events_ms: list[float] = []
        with Arrivals(running.files) as arrivals:
            for number in range(1, changes + 1):
                one = service.names[number * 7 % size]
                service.change([one], [number])
                events_ms.append(1000 * (arrivals.take(f"{one}.json", within_s=30) - service.left_at(one)))
                time.sleep(SPACING_S)  # quiet: a change that comes alone
        asked, begun = service.asked["fetch"], time.monotonic()
        last = changes + BURST
        service.change(service.names, range(changes + 1, last + 1))
        eventually(lambda: _all_at(running, last), within_s=WITHIN_S, every_s=0.05)
        burst_ms = 1000 * (time.monotonic() - begun)
        return _Found(
            size,
            running.files_ms,
            running.streams_ms,
            running.start_cpu_ms,
            idle_cpu_ms,
            rss_mb,
            events_ms,
            burst_ms,
            _fetches_at_rest(service) - asked,
        )


def _all_at(running: Fleet, number: int) -> bool:
    """Whether every file holds the number."""
    return all(
        json.loads((running.files / f"{name}.json").read_bytes())["number"] == number for name in running.service.names
    )


def _fetches_at_rest(service: FleetService) -> int:
    """Once nothing was asked for a while that is longer than ``debounce.max``."""
    seen, since = service.asked["fetch"], time.monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        if service.asked["fetch"] != seen:
            seen, since = service.asked["fetch"], time.monotonic()
        return time.monotonic() - since > 2.5

    eventually(is_quiet, within_s=WITHIN_S, every_s=0.05)
    return seen


@contextlib.contextmanager
def fleet(
    directory: Path, name: str, size: int, *, tls: trustme.CA | None, keep_alive_s: float = IDLE_S
) -> Iterator[Fleet]:
    """An agent with `size` targets under `directory`/`name`, once all files and streams are there.

    Raises:
        RuntimeError: it ended instead; carries what it said.
    """
    base = directory / name
    files = base / "files"
    files.mkdir(parents=True)
    service = FleetService([f"config-{number:04}" for number in range(size)], keep_alive_s=keep_alive_s)
    with (
        service.running(_context(tls)),
        tempfile.TemporaryDirectory(prefix="bench-") as runtime,
        (base / "log").open("wb") as said,
    ):
        settings = base / "settings.yaml"
        settings.write_text(_settings(service, base, runtime, tls))
        begun = time.monotonic()
        process = subprocess.Popen(
            command("run", "--config", str(settings)),
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        at: dict[str, float] = {}

        def is_up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the agent ended with {process.returncode}: {(base / 'log').read_text()[-2000:]}")
            now = 1000 * (time.monotonic() - begun)
            if service.watchers == size:
                at.setdefault("streams", now)
            if sum(entry.endswith(".json") and entry[0] != "." for entry in os.listdir(files)) == size:
                at.setdefault("files", now)
            return len(at) == 2

        with process:
            try:
                eventually(is_up, within_s=WITHIN_S, every_s=0.02)
                yield Fleet(process.pid, files, service, at["files"], at["streams"], cpu_ms(process.pid))
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()


def _settings(service: FleetService, base: Path, runtime: str, tls: trustme.CA | None) -> str:
    trust = ""
    if tls is not None:
        tls.cert_pem.write_to_path(base / "ca.pem")
        trust = f"  ca_file: {base}/ca.pem\n"
    targets = "".join(f"  {name}: {{files: [{{path: {base}/files/{name}.json}}]}}\n" for name in service.names)
    return (
        f"service:\n  host: {service.url}\n{trust}"
        f"agent:\n  state_dir: {base}/state\n  runtime_dir: {runtime}\ntargets:\n{targets}"
    )


def _environment(directory: Path) -> Mapping[str, str]:
    return environment_in(directory, CONFIG_SERVICE_TOKEN=TOKEN, CONFIG_SERVICE_KEY=KEY)


def _context(tls: trustme.CA | None) -> ssl.SSLContext | None:
    return None if tls is None else served(tls.issue_cert("localhost"))


def _allow_descriptors() -> None:
    """A thousand streams are as many descriptors on either side; the soft limit is 1,024 on most machines."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def cpu_ms(pid: int) -> float:
    """User and system time of a process so far (proc(5), /proc/PID/stat), in milliseconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        words = stat.read().rpartition(")")[2].split()
    return 1000 * (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
