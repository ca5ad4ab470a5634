"""Reaping what nobody else does, and leaving what somebody waits for. Each is a process of its own, a subreaper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SCRIPT = """
import ctypes, os, sys, time
from config_sync.process import reap_orphans, run_command
from config_sync.stop import Stop
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER (prctl(2)): as process 1 is by birth
def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
"""


def said_by(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + code], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_orphan_is_reaped_once_it_has_ended_and_not_waited_for_before() -> None:
    code = """
done = run_command(["/bin/sh", "-c", "sleep 60 & echo $!"], env={}, timeout_s=20, stop=Stop())
print(reap_orphans())
os.kill(int(done.output_tail), 9)
until(lambda: reap_orphans() == 1)
print(reap_orphans())
"""
    assert said_by(code).split() == ["0", "0"]


def test_a_command_that_is_waited_for_keeps_its_exit_code_while_orphans_are_reaped() -> None:
    code = """
import threading
over = threading.Event()
def reap():
    while not over.is_set():
        reap_orphans()
reaper = threading.Thread(target=reap)
reaper.start()
stop = Stop()
argv = ["/bin/sh", "-c", "true & exit 7"]
codes = {run_command(argv, env={}, timeout_s=20, stop=stop).returncode for _ in range(100)}
over.set()
reaper.join()
print(codes)
"""
    assert said_by(code) == "{7}"
