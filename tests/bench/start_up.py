"""What it costs to say something short: beside a Python that does nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from config_sync.errors import Exit
from tests.bench.machine import command, environment_in
from tests.bench.table import Row
from tests.bench.timing import Measured, in_turn

NOTE = "start-up: the whole process, start to exit; `health` finds no agent, `status` reads a file of one target"


def rows(directory: Path, count: int) -> list[Row]:
    """`--version`, `--help`, `health`, `status`, each against ``python -c pass``."""
    environment = environment_in(directory)
    _leave_a_status(Path(environment["RUNTIME_DIRECTORY"]))
    floor, *others = in_turn(
        [
            Measured("python -c pass", [sys.executable, "-c", "pass"], environment),
            Measured("--version", command("--version"), environment),
            Measured("--help", command("--help"), environment),
            Measured("health", command("health"), environment, expect=(Exit.DIFFERS,)),
            Measured("status", command("status"), environment),
        ],
        count,
    )
    return [Row(one.side(), floor.side(), count) for one in others]


def _leave_a_status(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    target = {"name": "app", "state": "synced", "version": 3, "written_at": "2026-01-01T00:00:00+00:00"}
    page = {"version": 1, "pid": 1, "service": {"host": "http://127.0.0.1:9181"}, "targets": [target]}
    (directory / "status.json").write_text(json.dumps(page))
