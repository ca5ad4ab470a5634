"""``python -m tests.bench``: the figures, each beside its floor or a peer from the same run. Nothing is asserted."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import (
    caching,
    containers,
    fleet,
    formats,
    hour,
    latency,
    memory,
    once,
    reload,
    reload_sequence,
    sdk,
    simulation,
    start_up,
    systemd,
    writer,
)
from tests.bench.machine import machine_line
from tests.bench.table import Row, render


@dataclass(frozen=True, slots=True)
class Concern:
    """One module: its rows, what to know of them, how often each thing is measured, in full and with ``--quick``."""

    rows: Callable[[Path, int], list[Row]]
    note: str
    count: int
    quick: int


CONCERNS = {
    "start-up": Concern(start_up.rows, start_up.NOTE, 41, 2),
    "once": Concern(once.rows, once.NOTE, 31, 2),
    "latency": Concern(latency.rows, latency.NOTE, 200, 3),
    "reload": Concern(reload.rows, reload.NOTE, 100, 3),
    "memory": Concern(memory.rows, memory.NOTE, 1, 1),
    "fleet": Concern(fleet.rows, fleet.NOTE, 1000, 3),
    "simulation": Concern(simulation.rows, simulation.NOTE, 10_000, 50),
    "hour": Concern(hour.rows, hour.NOTE, 100, 2),
    "writer": Concern(writer.rows, writer.NOTE, 300, 3),
    "reload-sequence": Concern(reload_sequence.rows, reload_sequence.NOTE, 40, 2),
    "caching": Concern(caching.rows, caching.NOTE, 100, 5),
    "formats": Concern(formats.rows, formats.NOTE, 9, 1),
    "systemd": Concern(systemd.rows, systemd.NOTE, 11, 1),
    "containers": Concern(containers.rows, containers.NOTE, 21, 2),
    "sdk": Concern(sdk.rows, sdk.NOTE, 200, 3),
}


def main(words: Sequence[str]) -> int:
    """Print the machine, one table, the notes; 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("concern", nargs="*", metavar="CONCERN", help=f"{', '.join(CONCERNS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: shows that it works, and no figures")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where files are written (default: %(default)s)")
    given = parser.parse_args(words)
    asked: list[str] = given.concern or list(CONCERNS)
    is_quick: bool = given.quick
    parent = Path(str(given.dir))
    if unknown := set(asked) - set(CONCERNS):
        parser.error(f"no such concern: {', '.join(sorted(unknown))}")
    print(machine_line(parent) + (" - a smoke run: its figures mean nothing" if is_quick else ""), flush=True)
    found: list[Row] = []
    for name in asked:
        concern = CONCERNS[name]
        if sys.stderr.isatty():
            print(f"measuring {name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="config-sync-bench-", dir=parent) as directory:
            found += concern.rows(Path(directory), concern.quick if is_quick else concern.count)
    print()
    print(render(found))
    print()
    print("n runs (or changes) of each, in turn after a warm-up; medians where no percentile is named; cpu: ms of CPU")
    for name in asked:
        print(CONCERNS[name].note)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
