"""An agent of its own beside the consumer, as it is in the field: a process that reloads, and says how it went.

In the tests' own process a consumer would be a child of the agent, and a hook of its own is what an agent never tells.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from config_sync.errors import ReloadFailed
from config_sync.model import ReloadOrder, ReloadResult
from config_sync.reloads import SignalReload
from config_sync.stop import Stop
from tests.unit.reloads.consumers import order
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
NOBODY = 65534

_BEFORE = """
import os, pathlib, re, signal, subprocess, time
from config_sync import log
from config_sync.model import AbsolutePath
from config_sync.reloads import SignalReload
from config_sync.reloads.main_process import ByUnit
from config_sync.reloads.matching import ByCmdline, ByExe
from tests.unit.reloads.consumers import *
from tests.system.reloading.agents import said_of
log.set_up(level="info", form="json")
def hup_to(consumer, **more): return said_of(SignalReload(signal.SIGHUP, consumer), **more)
"""


def said_of(reload: SignalReload, told: ReloadOrder | None = None) -> str:
    """The outcome as one line: the result's name, or reason, message and hint."""
    try:
        return reload.run(told or order(), Stop()).name
    except ReloadFailed as error:
        return f"{error.reason} | {error.message} | {error.hint}"


def in_its_own_process(code: str, *, before: Sequence[str] = ()) -> str:
    """What the code printed; its log is on stderr, and left out. It may use `hup_to` and the tests' consumers.

    `before` is what starts it (``unshare …``).
    """
    done = subprocess.run(
        [*before, sys.executable, "-c", _BEFORE + code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def told_by_another_agent(consumer: str, *, before: Sequence[str] = ()) -> str:
    """What comes of a HUP to the consumer (``ByExe(AbsolutePath('/bin/a'))``), sent by a process of its own."""
    return in_its_own_process(f"print(hup_to({consumer}))", before=before)


RELOADED = ReloadResult.RELOADED.name
WAITING = ReloadResult.WAITING_FOR_CONSUMER.name

COUNTS = "trap 'echo HUP >>{log}' HUP"
DAEMON = """\
{trap}
i=0
while [ $i -lt {workers} ]; do ( trap '' HUP; while :; do sleep 0.1; done ) & i=$((i+1)); done
echo ready >>{log}
while :; do sleep 0.05; done
"""


@contextlib.contextmanager
def daemon(
    program: Path, *words: str, trap: str = COUNTS, workers: int = 0, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that runs `program` (made here, so that no other process runs it), with workers of the same program.

    What it was told is in `program`.log: a line each. It ends with all of its group.
    """
    log = program.with_name(f"{program.name}.log")
    program.write_bytes(Path("/bin/sh").resolve().read_bytes())
    program.chmod(0o755)
    script = DAEMON.format(trap=trap.format(log=log), workers=workers, log=log)
    argv = [*before, str(program), "-c", script, *words]
    with subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: log.exists() and "ready" in log.read_text())
            yield process
        finally:
            subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=False)


def hups(program: Path) -> int:
    """How often the daemon was told."""
    return program.with_name(f"{program.name}.log").read_text().count("HUP")
