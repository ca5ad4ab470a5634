"""Commands that misbehave in every way met in the field: what is left of them, and how soon."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from config_sync.errors import Stopped
from config_sync.process import Ended
from config_sync.stop import Stop
from tests.unit.process.shells import is_running, no_child_is_left, pid_in, run
from tests.waiting import eventually


def test_a_background_child_that_holds_the_output_hangs_nobody_and_lives_on(tmp_path: Path) -> None:
    started_at = time.monotonic()
    finished = run(f"sleep 3600 & echo $! >{tmp_path}/pid")
    assert finished.is_success
    assert time.monotonic() - started_at < 300
    pid = pid_in(tmp_path / "pid")
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_setsid_grandchild_that_holds_the_output_hangs_nobody(tmp_path: Path) -> None:
    finished = run(
        f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 3600' & while ! [ -s {tmp_path}/pid ]; do :; done; exit 3"
    )
    assert finished.returncode == 3
    assert finished.took_s < 300
    os.kill(pid_in(tmp_path / "pid"), signal.SIGKILL)


def test_after_a_failure_the_rest_of_its_group_is_gone(tmp_path: Path) -> None:
    assert run(f"sleep 3600 & echo $! >{tmp_path}/pid; exit 1").returncode == 1
    pid = pid_in(tmp_path / "pid")
    eventually(lambda: not is_running(pid))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("sleep 3600 & echo $! >PID; wait", id="grandchild"),
        pytest.param("trap '' TERM; sleep 3600 & echo $! >PID; while :; do wait; done", id="ignores-TERM"),
        pytest.param(
            "sh -c 'trap : TERM; echo $$ >PID; while :; do sleep 1; done' & wait",
            id="child-ignores-TERM",
        ),
        pytest.param("sleep 3600 & echo $! >PID; yes", id="prints-for-ever"),
        pytest.param("sleep 3600 & echo $! >PID; kill -STOP $$", id="stopped"),
    ],
)
def test_at_the_timeout_the_whole_group_is_gone(tmp_path: Path, script: str) -> None:
    started_at = time.monotonic()
    finished = run(script.replace("PID", f"{tmp_path}/pid"), timeout_s=4.0)
    assert finished.how is Ended.TIMED_OUT
    assert not finished.is_success
    assert time.monotonic() - started_at < 300
    pid = pid_in(tmp_path / "pid")
    eventually(lambda: not is_running(pid))
    assert no_child_is_left()


def test_term_comes_first_and_a_child_has_the_grace_to_clean_up(tmp_path: Path) -> None:
    script = f"(trap 'sleep 0.2; touch {tmp_path}/clean; exit' TERM; while :; do sleep 0.05; done) & wait"
    finished = run(script, timeout_s=4.0, grace_s=600.0)
    assert finished.how is Ended.TIMED_OUT
    assert (tmp_path / "clean").exists()
    assert finished.took_s < 300


def test_a_stop_said_before_starts_nothing(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        run(f"touch {tmp_path}/ran", stop=stop)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"], ids=["default", "ignores-TERM"])
def test_a_stop_ends_a_check_and_its_group_at_once(tmp_path: Path, trap: str) -> None:
    stop, ended_at = Stop(), []

    def stop_once_running() -> None:
        pid_in(tmp_path / "pid")
        ended_at.append(time.monotonic())
        stop.set()

    thread = threading.Thread(target=stop_once_running)
    thread.start()
    with pytest.raises(Stopped):
        run(f"{trap} sleep 3600 & echo $! >{tmp_path}/pid; wait; wait", stop=stop, grace_s=600.0)
    assert time.monotonic() - ended_at[0] < 300
    thread.join()
    pid = pid_in(tmp_path / "pid")
    eventually(lambda: not is_running(pid))


@pytest.mark.parametrize(("grace_s", "is_result"), [(600.0, True), (0.1, False)], ids=["ends-in-time", "does-not"])
def test_a_hook_has_its_grace_to_end_after_a_stop(tmp_path: Path, grace_s: float, is_result: bool) -> None:
    stop = Stop()

    def stop_once_running() -> None:
        pid_in(tmp_path / "pid")
        stop.set()

    thread = threading.Thread(target=stop_once_running)
    thread.start()
    script = f"echo $$ >{tmp_path}/pid; sleep {0.6 if is_result else 3600}; exit 0"
    if is_result:
        assert run(script, stop=stop, stop_grace_s=grace_s).is_success
    else:
        with pytest.raises(Stopped):
            run(script, stop=stop, stop_grace_s=grace_s)
    thread.join()
    assert no_child_is_left()


def test_a_listener_that_raises_leaves_no_process_behind(tmp_path: Path) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        run(f"echo $$ >{tmp_path}/pid; echo hi; sleep 3600", on_line=broken)
    assert no_child_is_left()
    assert not is_running(pid_in(tmp_path / "pid"))
