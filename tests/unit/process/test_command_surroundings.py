"""Agents in odd surroundings: no standard streams, no descriptors left, SIGCHLD ignored. Each is its own process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SCRIPT = """
import os, resource, signal, sys
from config_sync.process import CouldNotStart, run_command
from config_sync.stop import Stop
def run(script, stdin=b"story"):
    try:
        one = run_command(["/bin/sh", "-c", script], env={}, timeout_s=600, stop=stop, stdin=stdin)
        return f"{one.returncode} {one.is_success} {one.output_tail}"
    except CouldNotStart as error:
        return f"CouldNotStart: {error}"
stop = Stop()
"""


def in_its_own_process(tmp_path: Path, code: str, *, prefix: str = "") -> str:
    """What the code wrote to `said`."""
    said = tmp_path / "said"
    whole = f"{SCRIPT}\n{code}\nopen({str(said)!r}, 'w').write(said)"
    shell = f'cd {ROOT} && exec "$0" -c "$1" {prefix}'
    subprocess.run(["/bin/sh", "-c", shell, sys.executable, whole], check=True, timeout=120)
    return said.read_text()


def test_an_agent_without_standard_streams_still_captures_and_feeds(tmp_path: Path) -> None:
    said = in_its_own_process(tmp_path, "said = run('cat; echo err >&2')", prefix="<&- >&- 2>&-")
    assert said == "0 True storyerr"


def test_out_of_descriptors_nothing_runs_and_nothing_is_left_open(tmp_path: Path) -> None:
    code = """
run('true')
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) + 2,) * 2)
said = '|'.join(run('true') for _ in range(3))
said += f" {len(os.listdir('/proc/self/fd'))}"
"""
    first, _, open_now = in_its_own_process(tmp_path, code).rpartition(" ")
    assert first == "|".join(["CouldNotStart: /bin/sh: Too many open files"] * 3)
    assert int(open_now) < 20


def test_with_sigchld_ignored_nothing_is_started(tmp_path: Path) -> None:
    code = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); said = run('exit 0')"
    assert in_its_own_process(tmp_path, code).startswith("CouldNotStart: SIGCHLD is ignored")


def test_signals_that_we_were_started_with_as_ignored_are_not_handed_on(tmp_path: Path) -> None:
    """As ``nohup`` and a shell's ``&`` do. In another directory, since posix_spawn resets them anyway."""
    code = """
import pathlib
from config_sync.process import stop_ignoring
stop_ignoring()
one = run_command(['/bin/grep', 'SigIgn', '/proc/self/status'], env={}, timeout_s=600, stop=stop, cwd='/')
os.kill(os.getpid(), signal.SIGQUIT)
said = one.output_tail.split()[1]
"""
    script = tmp_path / "ignoring.py"
    script.write_text(f"import signal\nsignal.signal(signal.SIGQUIT, signal.SIG_IGN)\n{SCRIPT}\n{code}")
    said = in_its_own_process(tmp_path, f"exec(open({str(script)!r}).read())")
    assert int(said, 16) & ~(0b11 << 31) == 0, "and the QUIT that came did nothing, as before"
