"""Hooks: what they are told, what becomes of what they print, and how their failure reads."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult
from config_sync.process import account_of
from config_sync.reloads import CommandReload
from config_sync.stop import Stop
from tests.unit.process.shells import is_running, pid_in
from tests.waiting import eventually

FILES = (AbsolutePath("/etc/app/tls.crt"), AbsolutePath("/etc/app/tls.key"))
ORDER = ReloadOrder("app", FILES, FILES[1:], "outdated", attempt=3, version=8, previous_version=7, changed_by=42)


def shell(script: str, *, timeout_s: float = 20.0, env: dict[str, str] | None = None) -> CommandReload:
    return CommandReload((), script, timeout_s, env or {})


def test_a_hook_gets_its_paths_the_story_and_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "CONFIG_SERVICE_TOKEN", "LISTEN_FDS", "INVOCATION_ID"):
        monkeypatch.setenv(name, "canary")
    script = f'cat >{tmp_path}/story; env >{tmp_path}/env; echo "$@" >{tmp_path}/words'
    hook = CommandReload(
        ("/bin/sh", "-c", script, "sh", "{name}", "{file:tls.key}", "{dir}", "{other}"), env={"EXTRA": "yes"}
    )
    assert hook.run(ORDER, Stop()) is ReloadResult.RELOADED
    assert (tmp_path / "words").read_text() == "app /etc/app/tls.key /etc/app {other}\n"
    assert json.loads((tmp_path / "story").read_text())["changed_by"] == 42
    environment = (tmp_path / "env").read_text()
    assert "canary" not in environment
    assert {"EXTRA=yes", "CONFIG_SYNC_TARGET=app", "CONFIG_SYNC_ATTEMPT=3"} <= set(environment.splitlines())


def test_a_text_for_the_shell_is_never_substituted(tmp_path: Path) -> None:
    hook = shell(f"echo '{{name}}' \"$CONFIG_SYNC_CHANGED\" >{tmp_path}/out")
    assert hook.run(ORDER, Stop()) is ReloadResult.RELOADED
    assert (tmp_path / "out").read_text() == "{name} /etc/app/tls.key\n"


def test_what_it_prints_goes_to_the_log_and_a_secret_of_its_environment_does_not(tmp_path: Path) -> None:
    with capture_logs() as logs:
        shell('echo "logging in with $API_TOKEN"; echo done >&2', env={"API_TOKEN": "hunter22"}).run(ORDER, Stop())
    assert [(line["event"], line["target"], line["line"]) for line in logs] == [
        ("hook.printed", "app", "logging in with [hidden]"),
        ("hook.printed", "app", "done"),
    ]


def test_a_failing_hook_names_its_code_and_never_its_output() -> None:
    with capture_logs(), pytest.raises(ReloadFailed, match=r"a shell command exited with 3 after") as caught:
        shell("echo the-password-is-hunter22; exit 3").run(ORDER, Stop())
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"
    assert "hook.printed" in (caught.value.hint or "")


def test_a_hook_that_hangs_is_killed_with_its_children_at_the_timeout(tmp_path: Path) -> None:
    with pytest.raises(ReloadFailed, match="was killed at its timeout"):
        shell(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout_s=4.0).run(ORDER, Stop())
    pid = pid_in(tmp_path / "pid")
    eventually(lambda: not is_running(pid))


def test_a_hook_that_forks_a_daemon_is_done_when_it_ends_and_the_daemon_lives(tmp_path: Path) -> None:
    hook = shell(f"setsid sleep 600 & echo $! >{tmp_path}/pid")
    assert hook.run(ORDER, Stop()) is ReloadResult.RELOADED
    pid = pid_in(tmp_path / "pid")
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_five_megabytes_of_output_are_a_success_and_a_bounded_log() -> None:
    with capture_logs() as logs:
        assert shell("yes 0123456789 | head -c 5000000").run(ORDER, Stop()) is ReloadResult.RELOADED
    assert sum(len(str(line.get("line", ""))) for line in logs) <= 65536
    assert logs[-1]["error"] == "more was printed, and dropped"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        pytest.param(None, 0, "does not exist", id="absent"),
        pytest.param("echo hi\n", 0o755, "needs a first line", id="no-shebang"),
        pytest.param("#!/bin/sh\n", 0o644, "may not be executed", id="not-executable"),
    ],
)
def test_a_hook_that_cannot_be_started_says_why(tmp_path: Path, content: str | None, mode: int, says: str) -> None:
    path = tmp_path / "hook"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(ReloadFailed, match="could not be started") as caught:
        CommandReload((str(path),)).run(ORDER, Stop())
    assert says in caught.value.message
    assert caught.value.hint is not None


def test_a_placeholder_that_names_no_file_fails_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ReloadFailed, match="none of its files"):
        CommandReload(("/usr/bin/touch", f"{tmp_path}/ran", "{file:nope}")).run(ORDER, Stop())
    assert not (tmp_path / "ran").exists()


def test_a_stop_lets_a_running_hook_finish(tmp_path: Path) -> None:
    stop = Stop()

    def stop_once_running() -> None:
        pid_in(tmp_path / "pid")
        stop.set()

    thread = threading.Thread(target=stop_once_running)
    thread.start()
    hook = shell(f"echo $$ >{tmp_path}/pid; sleep 0.5; touch {tmp_path}/done")
    assert hook.run(ORDER, stop) is ReloadResult.RELOADED
    thread.join()
    assert (tmp_path / "done").exists()
    with pytest.raises(Stopped):
        hook.run(ORDER, stop)


def test_a_hook_runs_in_its_directory(tmp_path: Path) -> None:
    hook = CommandReload(("/bin/sh", "-c", "pwd >where"), cwd=AbsolutePath(str(tmp_path)))
    assert hook.run(ORDER, Stop()) is ReloadResult.RELOADED
    assert (tmp_path / "where").read_text() == f"{tmp_path}\n"


@pytest.mark.root
def test_a_hook_of_another_user_finds_that_users_home_and_the_story(public_path: Path) -> None:
    public_path.chmod(0o777)
    account = account_of("nobody")
    script = f"id -u >{public_path}/uid; echo $HOME >{public_path}/home; cat >{public_path}/story"
    assert CommandReload((), script, account=account).run(ORDER, Stop()) is ReloadResult.RELOADED
    assert (public_path / "uid").read_text().strip() == str(account.uid)
    assert (public_path / "home").read_text().strip() == account.home
    assert json.loads((public_path / "story").read_text())["target"] == "app"


@pytest.mark.parametrize(
    ("hook", "says", "is_error"),
    [
        pytest.param(CommandReload(("no-such-program", "-x")), "no-such-program is not there", False, id="absent"),
        pytest.param(CommandReload(("/nonexistent/hook",)), "/nonexistent/hook is not there", False, id="absent-path"),
        pytest.param(
            CommandReload(("true",), cwd=AbsolutePath("/nonexistent")), "/nonexistent does not exist", False, id="cwd"
        ),
    ],
)
def test_what_stands_in_its_way_is_told_beforehand(hook: CommandReload, says: str, is_error: bool) -> None:
    (doubt,) = hook.doubts()
    assert says in doubt.message
    assert doubt.is_error is is_error


def test_a_hook_that_can_run_raises_no_doubt(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    here = AbsolutePath(str(tmp_path))
    assert [*CommandReload(("true",)).doubts(), *CommandReload((), "a | b").doubts()] == []
    assert [*CommandReload(("./hook",), cwd=here).doubts(), *CommandReload(("{dir}/x",)).doubts()] == []


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        pytest.param(CommandReload((), "exit 3"), "HookFailed", id="fails"),
        pytest.param(CommandReload((), "kill -SEGV $$"), "HookFailed", id="dies"),
        pytest.param(CommandReload((), "sleep 60", 0.2), "HookTimedOut", id="hangs"),
        pytest.param(CommandReload(("/nonexistent",)), "HookNotRunnable", id="cannot-start"),
        pytest.param(CommandReload(("true",), cwd=AbsolutePath("/nonexistent")), "HookNotRunnable", id="no-directory"),
        pytest.param(CommandReload(("{file}",)), "HookNotRunnable", id="no-meaning"),
    ],
)
def test_each_failure_has_its_own_reason(hook: CommandReload, reason: str) -> None:
    with capture_logs(), pytest.raises(ReloadFailed) as caught:
        hook.run(ORDER, Stop())
    assert caught.value.reason == reason
