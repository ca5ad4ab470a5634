"""One signal to the right process, or none at all: on real processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import AbsolutePath, ReloadResult
from config_sync.reloads import SignalReload, pidfile
from config_sync.reloads.pidfile import ByPidFile
from config_sync.stop import Stop
from tests.unit.reloads.consumers import (
    COUNTS,
    DEFAULT,
    DIES_IN_HANDLER,
    IGNORES,
    WAITS,
    consumer,
    hup,
    order,
    pid_file,
)
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a fresh agent."""
    monkeypatch.setattr(pidfile, "_seen", {})


def told(child: subprocess.Popen[bytes]) -> bytes:
    """All it has written by now."""
    assert child.stdout is not None
    if not select.select([child.stdout], [], [], 0)[0]:
        return b""
    return os.read(child.stdout.fileno(), 4096)


def set_age(path: AbsolutePath, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


@pytest.mark.parametrize("code", [COUNTS, WAITS], ids=["handler", "sigwait-thread"])
def test_a_process_that_handles_it_gets_exactly_one_signal(tmp_path: Path, code: str) -> None:
    with consumer(code) as child:
        reload = hup(pid_file(tmp_path, child.pid))
        # The waiting thread may not have come to its wait yet: until then the signal would be fatal, and is refused.
        eventually(lambda: _succeeds(reload))
        eventually(lambda: told(child) == b"HUP\n")
        assert child.poll() is None
        assert told(child) == b""


def _succeeds(reload: SignalReload) -> bool:
    try:
        return reload.run(order(), Stop()) is ReloadResult.RELOADED
    except ReloadFailed:
        return False


def test_a_process_that_would_die_of_it_is_not_signalled(tmp_path: Path) -> None:
    with consumer(DEFAULT) as child:
        with pytest.raises(ReloadFailed, match="does not handle SIGHUP and would die of it: not sent") as caught:
            hup(pid_file(tmp_path, child.pid)).run(order(), Stop())
        assert caught.value.hint is not None
        assert child.poll() is None


def test_sleep_with_its_default_disposition_lives_on(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as child:
        try:
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                with pytest.raises(ReloadFailed, match="would die of it"):
                    SignalReload(number, ByPidFile(pid_file(tmp_path, child.pid))).run(order(), Stop())
            assert child.poll() is None
        finally:
            child.kill()


def test_a_process_that_ignores_it_is_told_with_a_warning(tmp_path: Path) -> None:
    with consumer(IGNORES) as child, capture_logs() as logs:
        assert hup(pid_file(tmp_path, child.pid)).run(order(), Stop()) is ReloadResult.RELOADED
    assert [(line["event"], line["log_level"]) for line in logs if line["log_level"] != "debug"] == [
        ("reload.warned", "warning")
    ]


def test_a_process_that_dies_in_its_handler_is_a_failed_reload(tmp_path: Path) -> None:
    with consumer(DIES_IN_HANDLER) as child:
        with pytest.raises(ReloadFailed, match=r"ended within 0\.1 s of SIGHUP"):
            hup(pid_file(tmp_path, child.pid)).run(order(), Stop())


def test_no_pid_file_yet_waits_for_the_consumer(tmp_path: Path) -> None:
    reload = hup(AbsolutePath(str(tmp_path / "none.pid")))
    assert reload.run(order(), Stop()) is ReloadResult.WAITING_FOR_CONSUMER
    reload = hup(AbsolutePath(str(tmp_path / "no-directory" / "none.pid")))
    assert reload.run(order(), Stop()) is ReloadResult.WAITING_FOR_CONSUMER


def test_a_dead_pid_waits_for_the_consumer(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
    assert hup(path).run(order(), Stop()) is ReloadResult.WAITING_FOR_CONSUMER


@pytest.mark.parametrize("text", ["", "\n"], ids=["nothing", "a-blank-line"])
def test_an_empty_pid_file_waits_for_the_consumer(tmp_path: Path, text: str) -> None:
    """`nginx -t` makes one although nginx does not run."""
    assert hup(pid_file(tmp_path, text)).run(order(), Stop()) is ReloadResult.WAITING_FOR_CONSUMER


@pytest.mark.parametrize("text", ["nginx", "-1", "0", "12 34", "99999999", "1.5"])
def test_a_pid_file_without_a_pid_fails_and_is_tried_again(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReloadFailed, match="holds no process id"):
        hup(pid_file(tmp_path, text)).run(order(), Stop())


def test_only_the_first_line_counts(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, f"  {child.pid} \n/var/lib/postgresql\n5432\n")
        assert hup(path).run(order(), Stop()) is ReloadResult.RELOADED


def test_a_pid_file_that_anyone_may_write_is_refused(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        with pytest.raises(ReloadFailed, match=r"may be written by anyone \(mode 0666\)"):
            hup(pid_file(tmp_path, child.pid, mode=0o666)).run(order(), Stop())
        assert told(child) == b""


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        link = tmp_path / "link.pid"
        link.symlink_to(pid_file(tmp_path, child.pid))
        with pytest.raises(ReloadFailed, match="is a symbolic link"):
            hup(AbsolutePath(str(link))).run(order(), Stop())
        assert told(child) == b""


def test_a_fifo_or_a_directory_is_refused_and_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(ReloadFailed, match="is not a regular file"):
            hup(AbsolutePath(str(path))).run(order(), Stop())


def test_our_own_pid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReloadFailed, match="names config-sync itself"):
        hup(pid_file(tmp_path, os.getpid())).run(order(), Stop())


def test_a_pid_file_older_than_its_process_is_a_strangers_and_nothing_is_sent(tmp_path: Path) -> None:
    with consumer(COUNTS) as stranger:
        path = pid_file(tmp_path, stranger.pid)
        set_age(path, 60)
        with pytest.raises(ReloadFailed, match="is stale: it is older than process"):
            hup(path).run(order(), Stop())
        assert told(stranger) == b""


def test_the_same_program_as_at_the_last_good_signal_means_a_stepped_clock(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        assert hup(path).run(order(), Stop()) is ReloadResult.RELOADED
        set_age(path, 3600)
        with capture_logs() as logs:
            assert hup(path).run(order(), Stop()) is ReloadResult.RELOADED
        assert [line["event"] for line in logs if line["log_level"] != "debug"] == ["reload.warned"]
    with consumer(COUNTS + "  # another program") as stranger:
        path = pid_file(tmp_path, stranger.pid)
        set_age(path, 3600)
        with pytest.raises(ReloadFailed, match="is stale"):
            hup(path).run(order(), Stop())
        assert told(stranger) == b""


def test_a_process_that_started_after_the_write_has_read_it(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        reload = hup(pid_file(tmp_path, child.pid))
        long_ago = time.time() - 60
        assert reload.run(order(written_at=long_ago), Stop()) is ReloadResult.ALREADY_CURRENT
        assert told(child) == b""
        assert reload.run(order(written_at=long_ago, forced=True), Stop()) is ReloadResult.RELOADED
        eventually(lambda: told(child) == b"HUP\n")


def test_once_stopping_nothing_is_sent(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with consumer(COUNTS) as child:
        with pytest.raises(Stopped):
            hup(pid_file(tmp_path, child.pid)).run(order(), stop)
        assert told(child) == b""


def test_signalling_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    stop = Stop()
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        hup(path).run(order(), stop)
        before = len(os.listdir("/proc/self/fd"))
        hup(path).run(order(), stop)
        hup(path).run(order(written_at=1.0), stop)
        set_age(path, 3600)
        with pytest.raises(ReloadFailed):
            SignalReload(signal.SIGUSR1, ByPidFile(path)).run(order(), stop)
        assert len(os.listdir("/proc/self/fd")) <= before  # fewer: the collector may close what earlier tests left
