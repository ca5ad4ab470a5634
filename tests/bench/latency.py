"""From an event to the file it leads to, with shipped defaults.

It begins when the service's hub starts to hand the change to its streams (the service runs in the measuring process,
so both ends are readings of one clock) and ends when inotify tells of the rename onto the file's name. In between: the
event through the socket, the decoder, the queue, a fetch (the service encrypts), decrypt, render, temporary file, its
fsync, rename. What comes after is not in it: the directory's fsync, the record. Changes are spaced beyond
``debounce.min``, so each is the first after quiet. The agent and the floor are two processes with a stream each on two
configs, changed alternately.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bench.agents import NAME, running_agent
from tests.bench.arrivals import Arrivals
from tests.bench.emitting import Emitting, emitting
from tests.bench.machine import ROOT, environment_in
from tests.bench.table import Row, Side, percentile
from tests.service import KEY, TOKEN, write_config
from tests.waiting import eventually

NOTE = (
    "event to file: from the service's hub handing out the change to the rename seen by inotify (fetch, decrypt, "
    "fsync of the file in between); shipped defaults, changes spaced by 300 ms; the floor has a stream and no queue"
)
FLOOR = "floor"
SPACING_S = 0.15
"""Between two changes, of alternating configs: 300 ms for each, and ``debounce.min`` is 200 ms."""
PERCENTS = (50, 99)


def rows(directory: Path, count: int) -> list[Row]:
    """p50 and p99 of `count` changes."""
    configs = directory / "watched"
    for name in (NAME, FLOOR):
        write_config(configs, name, _document(0))
    with emitting(configs) as service, running_agent(directory, service) as agent:
        path = directory / "floor" / "floor.json"
        path.parent.mkdir()
        environment = environment_in(
            directory, CONFIG_SERVICE_TOKEN=TOKEN, CONFIG_SERVICE_KEY=KEY, PYTHONPATH=str(ROOT)
        )
        argv = [sys.executable, "-m", "tests.bench.floor_watch", service.url, FLOOR, str(path)]
        with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL) as floor:
            try:
                eventually(lambda: path.exists() and service.hub.watchers(FLOOR) > 0, within_s=30)
                with Arrivals(agent.path.parent) as ours, Arrivals(path.parent) as theirs:
                    taken = _changes(configs, service, {NAME: ours, FLOOR: theirs}, count)
            finally:
                floor.kill()
    return [
        Row(
            Side(f"event to file, p{percent}", percentile(taken[NAME], percent)),
            Side(f"stdlib script, p{percent}", percentile(taken[FLOOR], percent)),
            count,
        )
        for percent in PERCENTS
    ]


def _changes(configs: Path, service: Emitting, arrivals: dict[str, Arrivals], count: int) -> dict[str, list[float]]:
    """Milliseconds of each change of each config; the first round is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in arrivals}
    for number in range(1, count + 2):
        for name, arriving in arrivals.items():
            time.sleep(SPACING_S)  # quiet: what is measured is a change that comes alone
            write_config(configs, name, _document(number))
            left_at = service.hub.take(name, within_s=10)
            seen_at = arriving.take(f"{name}.json", within_s=10)
            if number > 1:
                taken[name].append(1000 * (seen_at - left_at))
    return taken


def _document(number: int) -> object:
    return {"port": 8080, "number": number, "hosts": ["a.example", "b.example"]}
