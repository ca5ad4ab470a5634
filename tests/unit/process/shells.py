"""Run a shell script as a command, and look at what became of the processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from config_sync.process import Finished, run_command
from config_sync.stop import Stop
from tests.waiting import eventually

ENV = {"PATH": "/usr/bin:/bin"}
SH = "/bin/sh"


def run(
    script: str,
    *,
    timeout_s: float = 600.0,
    stop: Stop | None = None,
    stdin: bytes | None = None,
    grace_s: float = 0.3,
    stop_grace_s: float = 0.0,
    on_line: Callable[[str], None] | None = None,
    redact: tuple[str, ...] = (),
) -> Finished:
    return run_command(
        [SH, "-c", script],
        env=ENV,
        timeout_s=timeout_s,
        stop=stop or Stop(),
        stdin=stdin,
        grace_s=grace_s,
        stop_grace_s=stop_grace_s,
        on_line=on_line,
        redact=redact,
    )


def is_running(pid: int) -> bool:
    """Alive and no zombie: orphans here may have no init that reaps them at once."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def pid_in(path: Path) -> int:
    return int(eventually(lambda: path.exists() and path.read_text().strip()))


def no_child_is_left() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return True
