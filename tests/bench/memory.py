"""What the agent holds in memory with one target, after it has settled: beside a Python that sleeps."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.agents import NAME, running_agent
from tests.bench.emitting import emitting
from tests.bench.machine import environment_in
from tests.bench.table import Row, Side
from tests.service import write_config

NOTE = "memory: `run` with one target (plain http, stream open), once its size stands still; /proc/PID/smaps_rollup"
LIBRARIES = """
import sys
sys.modules.update(dict.fromkeys(("rich", "trio", "httpx._main")))  # the agent does without them, too
import asyncio, httpx, yaml, structlog, watchfiles
import cryptography.hazmat.primitives.ciphers.aead
"""
"""All that the agent stands on, and none of its own code: a second thing to stand beside it."""
SLEEP = "import time; print(flush=True); time.sleep(600)"
STEADY_S = 1.0
FIELDS = ("Rss", "Pss")


def rows(directory: Path, count: int) -> list[Row]:
    """Rss and Pss of the agent, against a bare Python and against its libraries. Measured once, `count` is ignored."""
    del count  # memory does not vary from look to look as time does
    configs = directory / "configs-of-memory"
    write_config(configs, NAME, {"port": 8080})
    environment = environment_in(directory)
    with emitting(configs) as service:
        # The first start of each compiles its modules, and would keep what the compiler took.
        for name in ("warm-up", "agent"):
            with (
                _sleeping("", environment) as nothing,
                _sleeping(LIBRARIES, environment) as libraries,
                running_agent(directory, service, name=name) as agent,
            ):
                sizes = {pid: settled(pid) for pid in (agent.pid, nothing, libraries)} if name == "agent" else {}
    sides = {
        nothing: "python -c 'time.sleep'",
        libraries: "its libraries, imported",
    }
    return [
        Row(
            Side(f"agent, {field_}", sizes[agent.pid][field_], "MB"),
            Side(f"{name}, {field_}", sizes[pid][field_], "MB"),
            1,
        )
        for pid, name in sides.items()
        for field_ in FIELDS
        if field_ in sizes[agent.pid] and field_ in sizes[pid]
    ]


@contextlib.contextmanager
def _sleeping(code: str, environment: Mapping[str, str]) -> Iterator[int]:
    argv: Sequence[str] = [sys.executable, "-c", code + SLEEP]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def settled(pid: int) -> dict[str, float]:
    """MB (10⁶ bytes) when two looks one `STEADY_S` apart agree within 1 %, or after 15 looks."""
    before = _look(pid)
    for _ in range(15):
        time.sleep(STEADY_S)  # a figure that still moves is none
        now = _look(pid)
        if abs(now["Rss"] - before["Rss"]) <= 0.01 * now["Rss"]:
            return now
        before = now
    return before


def _look(pid: int) -> dict[str, float]:
    """From smaps_rollup; for an agent that is not dumpable only root may read it: others get Rss from status."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
            words = [line.split() for line in lines]
    except PermissionError:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as lines:
            words = [["Rss:", *line.split()[1:]] for line in lines if line.startswith("VmRSS:")]
    return {name: int(line[1]) * 1024 / 1e6 for name in FIELDS for line in words if line and line[0] == f"{name}:"}
