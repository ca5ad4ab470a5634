"""``validate``: the verdict, and the difference between "no" and "could not be asked"."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config_sync.errors import CheckRejected, Retry, Stopped
from config_sync.model import AbsolutePath, Validate
from config_sync.reloads import run_check
from config_sync.stop import Stop
from tests.unit.process.shells import is_running, pid_in
from tests.waiting import eventually

FILE = AbsolutePath("/etc/app/config.yaml")


def check(*argv: str, staged: str, timeout_s: float = 20.0, stop: Stop | None = None) -> None:
    run_check(Validate(argv, timeout_s), name="app", paths={FILE: staged}, stop=stop or Stop())


def test_a_checker_sees_the_staged_copy_and_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIG_SERVICE_TOKEN", "canary")
    staged = tmp_path / "config.yaml"
    staged.write_text("good: true\n")
    with capture_logs() as logs:
        check("/bin/sh", "-c", 'cat "$1"; env | grep -c canary; [ -z "$(cat)" ]', "sh", "{file}", staged=str(staged))
    assert [line["line"] for line in logs] == ["good: true", "0"]


@pytest.mark.parametrize(
    ("script", "says"),
    [("exit 1", "exited with 1"), ("kill -ABRT $$", "died of SIGABRT")],
    ids=["code", "signal"],
)
def test_a_no_is_a_refusal_that_never_quotes_the_checker(tmp_path: Path, script: str, says: str) -> None:
    with capture_logs(), pytest.raises(CheckRejected) as caught:
        check("/bin/sh", "-c", f"echo bad line: password=hunter22; {script}", "{file}", staged=f"{tmp_path}/x")
    assert says in caught.value.message
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"
    assert (caught.value.reason, caught.value.retry) == ("CheckRejected", Retry.RESYNC)


def test_a_checker_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(CheckRejected, match="was killed at its timeout") as caught:
        check("/bin/sh", "-c", f"sleep 600 & echo $! >{tmp_path}/pid; wait", staged="/x", timeout_s=4.0)
    assert caught.value.reason == "CheckRejected"
    pid = pid_in(tmp_path / "pid")
    eventually(lambda: not is_running(pid))


@pytest.mark.parametrize("program", ["/nonexistent/checker", "no-such-checker"], ids=["path", "name"])
def test_a_checker_that_cannot_be_started_is_a_local_reason_and_tried_again(program: str) -> None:
    with pytest.raises(CheckRejected, match="could not be started") as caught:
        check(program, "{file}", staged="/x")
    assert (caught.value.reason, caught.value.retry) == ("CheckNotRunnable", Retry.BACKOFF)


def test_a_stop_ends_a_check_at_once(tmp_path: Path) -> None:
    stop, said_at = Stop(), []

    def stop_once_running() -> None:
        pid_in(tmp_path / "pid")
        said_at.append(time.monotonic())
        stop.set()

    thread = threading.Thread(target=stop_once_running)
    thread.start()
    with pytest.raises(Stopped):
        check("/bin/sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 600", staged="/x", stop=stop)
    assert time.monotonic() - said_at[0] < 300
    thread.join()
