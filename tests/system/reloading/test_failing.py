"""What a person gets to read when a consumer cannot be told: 11, and a sentence and a hint for each cause."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.errors import Exit
from tests.faults import refused_port
from tests.program import Home, assert_refused, home_at
from tests.service import write_config
from tests.unit.reloads.servers import answering


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "app", {"a": 1})
    return home_at(tmp_path / "h", config_service.url)


def refused(home: Home, reload: str, reason: str, *words: str) -> None:
    """`once` writes the file, and fails with that reason and these words."""
    home.configure(f"""\
        targets: {{app: {{files: [{{path: {home.root}/app.json}}], on_first_sync: reload, reload: {reload}}}}}
        """)
    ended = home.once()
    assert_refused(ended, Exit.RELOAD, *words)
    assert (home.root / "app.json").exists()
    error = home.target("app")["error"]
    assert isinstance(error, dict)
    assert error["reason"] == reason
    assert home.target("app")["reload_pending"] is True


def _no_shebang(home: Home) -> str:
    (home.root / "hook").write_text("echo hi\n")
    (home.root / "hook").chmod(0o755)
    return f"{{command: [{home.root}/hook]}}"


def _link(home: Home) -> str:
    (home.root / "real.pid").write_text("1\n")
    (home.root / "pid").symlink_to("real.pid")
    return f"{{signal: HUP, pidfile: {home.root}/pid}}"


def _open_to_all(home: Home) -> str:
    (home.root / "pid").write_text("1\n")
    (home.root / "pid").chmod(0o666)
    return f"{{signal: HUP, pidfile: {home.root}/pid}}"


def _deadly(home: Home) -> str:
    (home.root / "pid").write_text(f"{os.getpid()}\n")  # this very process, which handles no USR1
    return f"{{signal: USR1, pidfile: {home.root}/pid}}"


@pytest.mark.parametrize(
    ("reload", "reason", "words"),
    [
        pytest.param(_no_shebang, "HookNotRunnable", ["needs a first line such as #!/bin/sh"], id="no-shebang"),
        pytest.param(
            lambda _: "{command: [/nonexistent/hook]}",
            "HookNotRunnable",
            ["/nonexistent/hook does not exist"],
            id="absent",
        ),
        pytest.param(lambda _: "{command: [sh, -c, exit 3]}", "HookFailed", ["exited with 3"], id="exit-3"),
        pytest.param(
            lambda _: "{command: [sleep, '60'], timeout: 200ms}", "HookTimedOut", ["killed at its timeout"], id="hangs"
        ),
        pytest.param(_link, "PidFileUntrusted", ["is a symbolic link", "name the file itself"], id="pid-file-link"),
        pytest.param(
            _open_to_all, "PidFileUntrusted", ["may be written by anyone (mode 0666)", "chmod o-w"], id="pid-file-0666"
        ),
        pytest.param(_deadly, "SignalUnhandled", ["would die of it: not sent"], id="deadly-signal"),
        pytest.param(
            lambda home: f"{{touch: {home.root}/none/stamp}}", "StampFailed", ["create the directory"], id="stamp"
        ),
    ],
)
def test_each_cause_has_its_own_reason_and_sentence(
    home: Home, reload: Callable[[Home], str], reason: str, words: list[str]
) -> None:
    refused(home, reload(home), reason, *words)


def test_a_consumer_that_does_not_listen_is_told_apart(home: Home) -> None:
    with refused_port() as port:
        reload = f"{{http: 'http://127.0.0.1:{port}/', timeout: 30s}}"
        refused(home, reload, "HttpRefused", "Connection refused", "does the consumer run")


def test_a_500_of_the_consumer_is_told_without_its_words(home: Home) -> None:
    with answering(500, body=b"the-document-says") as server:
        url = f"{server.url}/-/reload?key=t0ken"
        refused(home, f"{{http: '{url}', timeout: 30s}}", "HttpStatus", "500 Internal Server Error", "its own log")
        assert server.lines == ["POST /-/reload?key=t0ken"]
    assert "t0ken" not in str(home.target("app"))
    assert "the-document-says" not in str(home.target("app"))


def test_a_list_runs_in_order_up_to_the_first_failure(home: Home) -> None:
    reload = f"[{{touch: {home.root}/first}}, {{command: [sh, -c, exit 3]}}, {{touch: {home.root}/last}}]"
    refused(home, reload, "HookFailed", "exited with 3")
    assert (home.root / "first").exists()
    assert not (home.root / "last").exists()


def test_check_tells_before_anything_is_written_what_stands_in_the_way(home: Home) -> None:
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.json}}]
            reload: [{{command: [no-such-hook]}}, {{touch: {home.root}/none/stamp}}]
        """)
    ended = home.ask("check")
    assert ended.returncode == 0, ended.stderr
    assert "warning: targets.app.reload: the command no-such-hook: no-such-hook is not there" in ended.stderr
    assert f"the stamp file {home.root}/none/stamp: {home.root}/none does not exist" in ended.stderr
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.json}}]
            reload: {{command: ['true'], user: no-such-user}}
        """)
    ended = home.ask("check")
    assert ended.returncode == Exit.SETTINGS
    assert "targets.app.reload.user: no user 'no-such-user' on this machine" in ended.stderr


@pytest.mark.root
def test_check_as_an_ordinary_user_refuses_a_hook_of_another_user(
    public_path: Path, config_service: RunningService
) -> None:
    home = home_at(public_path / "h", config_service.url)
    home.root.chmod(0o777)
    home.configure(f"""\
        agent: {{state_dir: {home.root}/s, runtime_dir: {home.root}/r}}
        targets: {{app: {{files: [{{path: {home.root}/app.json}}], reload: {{command: ['true'], user: daemon}}}}}}
        """)
    words = ("--config", str(home.settings), "check")
    assert home.command(*words).returncode == 0
    ended = home.command(*words, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    assert ended.returncode == Exit.SETTINGS, ended.stderr
    assert "uid 65534 may not run a hook as user daemon" in ended.stderr
    assert "CAP_SETUID" in ended.stderr
