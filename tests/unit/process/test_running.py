"""Identifying a process that someone else started, and what a signal would do to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from config_sync.process import Disposition, NotRunning, ProcessHandle, ancestors, disposition_of, open_process
from tests.unit.process.shells import is_running
from tests.waiting import eventually


@contextlib.contextmanager
def python(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that has come as far as printing; killed in the end."""
    ready = f"import signal, threading, time\n{code}\nprint('ready', flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-S", "-c", ready], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child
        finally:
            child.kill()


CAUGHT = "signal.signal(signal.SIGHUP, lambda *_: None)"
IGNORED = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
AWAITED = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
threading.Thread(target=lambda: signal.sigwait([signal.SIGHUP]), daemon=True).start()
"""
AWAITED_ALONE = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
time.sleep = lambda _: signal.sigwait([signal.SIGHUP])
"""
ANOTHER_AWAITED = """
time.sleep = lambda _: signal.sigwait([signal.SIGUSR1])
"""
BUSY_WITH_ALL_BLOCKED = """
def work(_):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True: pass
time.sleep = work
"""
ONE_THREAD_OPEN = """
threading.Thread(target=time.sleep, args=[600], daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(CAUGHT, Disposition.CAUGHT, id="handler"),
        pytest.param(IGNORED, Disposition.IGNORED, id="ignored"),
        pytest.param("", Disposition.DEFAULT, id="default"),
        pytest.param(AWAITED, Disposition.AWAITED, id="sigwait-thread"),
        pytest.param(AWAITED_ALONE, Disposition.AWAITED, id="sigwait-alone"),
        pytest.param(ANOTHER_AWAITED, Disposition.DEFAULT, id="sigwait-for-another"),
        pytest.param(ONE_THREAD_OPEN, Disposition.DEFAULT, id="one-thread-does-not-block-it"),
    ],
)
def test_the_disposition_is_read_over_all_threads(code: str, expected: Disposition) -> None:
    with python(code) as child, open_process(child.pid) as process:
        eventually(lambda: disposition_of(process, signal.SIGHUP) is expected)  # it may not have come to its wait yet


def test_a_process_that_keeps_signals_off_while_it_works_is_not_taken_for_one_that_awaits_them() -> None:
    with python(BUSY_WITH_ALL_BLOCKED) as child, open_process(child.pid) as process:
        assert disposition_of(process, signal.SIGHUP) is Disposition.DEFAULT


def test_a_shell_that_forks_all_the_time_is_never_taken_for_one_that_awaits_signals() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/true; done"], start_new_session=True) as child:
        try:
            with open_process(child.pid) as process:
                found = {disposition_of(process, signal.SIGHUP) for _ in range(300)}
        finally:
            os.killpg(child.pid, signal.SIGKILL)
    assert found == {Disposition.DEFAULT}


def test_a_process_is_described_by_its_program_its_start_and_its_user() -> None:
    before = time.time()
    with python("") as child, open_process(child.pid) as process:
        assert before - 1 < process.started_at < time.time() + 1
        assert process.uid == os.getuid()
        assert process.exe == os.path.realpath(sys.executable)
        assert process.name == process.exe
        assert process.is_alive


def test_a_title_that_a_program_has_set_is_named_without_its_arguments() -> None:
    seen = ProcessHandle(7, -1, 0, 1.0, None, "postgres: checkpointer --password=hunter22")
    assert seen.name == "postgres:"


def test_a_dead_or_unborn_pid_is_not_running() -> None:
    with python("") as child:
        pass
    with pytest.raises(NotRunning):
        open_process(child.pid)
    with pytest.raises(NotRunning):
        open_process(4_194_305)  # above the highest pid_max


def test_a_zombie_is_not_running() -> None:
    with python("") as child:
        os.kill(child.pid, signal.SIGKILL)
        eventually(lambda: not is_running(child.pid))
        with pytest.raises(NotRunning):
            open_process(child.pid)


def test_a_thread_is_no_process() -> None:
    with python("threading.Thread(target=time.sleep, args=[600], daemon=True).start()") as child:
        thread = max(int(name) for name in os.listdir(f"/proc/{child.pid}/task"))
        assert thread != child.pid
        with pytest.raises(NotRunning):
            open_process(thread)


def test_an_end_after_opening_is_seen_and_nothing_can_be_sent() -> None:
    with python("") as child, open_process(child.pid) as process:
        assert not process.ends_within(0.0)
        child.kill()
        assert process.ends_within(5.0)
        child.wait()
        with pytest.raises(ProcessLookupError):
            process.send(signal.SIGHUP)
        with pytest.raises(NotRunning):
            disposition_of(process, signal.SIGHUP)


def test_the_parents_of_many_processes_are_read_once_in_a_look() -> None:
    known: dict[int, int] = {}
    first = list(ancestors(os.getpid(), known))
    assert first[0] == os.getppid()
    assert {os.getpid(), *first[:-1]} <= known.keys()
    known[first[0]] = 0
    assert list(ancestors(os.getpid(), known)) == [first[0]], "what is known is not looked up again"
