"""The exit codes of `once` that lie on this machine: usage, settings, checker, disk, hook, lock."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests import faults
from tests.faults import FaultServer
from tests.program import AS_NOBODY, NOBODY, PROGRAM, Home, assert_refused, files_in, home_at, told, until_refused
from tests.service import KEY, write_config
from tests.waiting import eventually

OLD, NEW = {"greeting": "hello"}, {"greeting": "goodbye"}


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    """Settings that name one file in ``app/``."""
    write_config(configs, "app", OLD)
    home = home_at(tmp_path / "h", config_service.url)
    (home.root / "app").mkdir()
    target(home, "")
    return home


def target(home: Home, more: str, *, file: str = "app/app.yaml") -> None:
    """The one target, with more lines of YAML flow."""
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/{file}}}], {more}}}}}")


USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "a command that does not exist": (("onse",), "did you mean 'config-sync once'?"),
    "an option that does not exist": (("once", "--retyr-for", "1s"), "did you mean --retry-for?"),
    "a duration that is none": (("once", "--retry-for", "soon"), "--retry-for: expected a duration"),
    "both forms at once": (("--config", "x.yaml", "once", "--file", "a=b.yaml"), "exclude each other"),
    "an option of the other form": (("once", "--hook", "true"), "--hook goes with --file"),
    "a file without a name": (("once", "--file", "a.yaml"), "is not NAME=PATH"),
    "a signal without a pid file": (("once", "--file", "a=b.yaml", "--signal", "HUP"), "--signal needs --pidfile"),
    "a level that does not exist": (("--log-level", "loud", "once"), "--log-level"),
    "no command": (("--log-level", "debug"), "no command is named"),
    "a config that cannot be one": (("get", "a/b"), "config-sync list"),
    "a command without its word": (("reload",), "TARGET"),
}


@pytest.mark.parametrize("name", USAGE)
def test_a_wrong_command_line_is_2_and_says_what_was_meant(tmp_path: Path, name: str) -> None:
    words, said = USAGE[name]
    assert_refused(home_at(tmp_path, "http://127.0.0.1:1").command(*words), 2, said)


def test_every_problem_of_the_settings_is_told_at_once_with_its_place(home: Home) -> None:
    home.configure("""\
        service: {hots: https://x.example, token: {file: "${NOWHERE}/token"}}
        targets:
          app:
            files: [{path: app.yaml, mode: 640}, {path: /etc/b.yaml, owner: nobody-of-that-name}]
            reload: {sytemd: app.service}
        """)
    ended = home.once()
    file = str(home.settings)
    places = [line.split(" ")[0] for line in ended.stderr.splitlines() if line.startswith(file)]
    assert ended.returncode == 3
    assert "5 problems" in ended.stderr.splitlines()[0] or len(places) >= 5
    for place, said in (
        (1, "did you mean 'host'"),
        (1, "NOWHERE"),
        (4, "absolute"),
        (4, "0640"),
        (4, "nobody-of-that"),
    ):
        assert any(one.startswith(f"{file}:{place}:") for one in places)
        assert said in ended.stderr
    assert "did you mean 'systemd'?" in ended.stderr
    assert files_in(home.root / "app") == {}


CREDENTIALS: dict[str, tuple[dict[str, str], str]] = {
    "no token": ({"CONFIG_SERVICE_TOKEN": ""}, "CONFIG_SERVICE_TOKEN"),
    "no key": ({"CONFIG_SERVICE_KEY": ""}, "CONFIG_SERVICE_KEY"),
    "a short key": ({"CONFIG_SERVICE_KEY": KEY[:-1]}, "64 hex characters"),
    "a key file that is not there": ({"CONFIG_SERVICE_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
    "a token that no header carries": ({"CONFIG_SERVICE_TOKEN": "to\u00e4ken"}, "CONFIG_SERVICE_TOKEN"),
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_that_cannot_be_used_is_3_and_never_shown(home: Home, name: str) -> None:
    env, said = CREDENTIALS[name]
    ended = home.once(env=env)
    assert_refused(ended, 3, said)
    assert KEY[:-1] not in ended.stderr
    assert files_in(home.root / "app") == {}


def test_a_settings_file_that_is_not_there_is_3(home: Home) -> None:
    home.settings.unlink()
    assert_refused(home.once(), 3, str(home.settings))


CHECKS: dict[str, tuple[str, str]] = {
    "refuses": ("[grep, -q, hello, '{file}']", "grep"),
    "does not exist": ("[no-such-checker, '{file}']", "no-such-checker"),
    "hangs": ("{command: [sleep, '60', '{file}'], timeout: 300ms}", "sleep"),
    "refuses what is already there": ("{command: [grep, -q, hello, '{file}'], in_place: true}", "grep"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_what_the_consumers_checker_refuses_is_9_and_stays_unseen(home: Home, configs: Path, name: str) -> None:
    check, said = CHECKS[name]
    assert home.once().returncode == 0
    before = files_in(home.root / "app")
    target(home, f"validate: {check}, reload: {{command: [touch, {home.root}/reloaded]}}")
    write_config(configs, "app", NEW)
    ended = until_refused(home.once)
    assert_refused(ended, 9, said)
    assert {name: one[:4] for name, one in files_in(home.root / "app").items()} == {
        name: one[:4] for name, one in before.items()
    }
    assert not (home.root / "reloaded").exists()


@pytest.fixture
def small_disk(home: Home) -> Iterator[Path]:
    """A file system of 64 KiB on ``app/``."""
    path = home.root / "app"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.root
def test_a_full_disk_is_10_and_leaves_the_old_file_and_no_litter(home: Home, configs: Path, small_disk: Path) -> None:
    assert home.once().returncode == 0
    before = files_in(small_disk)
    write_config(configs, "app", {"greeting": "x" * 100_000})
    ended = until_refused(home.once)
    assert_refused(ended, 10, "no space is left", "ENOSPC")
    assert files_in(small_disk) == before


@pytest.mark.root
def test_a_read_only_mount_is_10(home: Home, configs: Path, small_disk: Path) -> None:
    assert home.once().returncode == 0
    before = files_in(small_disk)
    write_config(configs, "app", NEW)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = until_refused(home.once)
    assert_refused(ended, 10, "read-only", "EROFS")
    assert files_in(small_disk) == before


@pytest.mark.root
def test_a_directory_that_the_user_may_not_write_is_10_and_names_the_uid(home: Home, configs: Path) -> None:
    assert home.once().returncode == 0
    before = files_in(home.root / "app")
    write_config(configs, "app", NEW)
    for path in (home.state_dir, home.runtime_dir):
        subprocess.run(["chown", "-R", str(NOBODY), str(path)], check=True)
    home.root.parent.chmod(0o755)
    words = ("--config", str(home.settings), "once", "--retry-for", "0s")
    (home.root / "app" / "app.yaml").chmod(0o644)
    before = files_in(home.root / "app")
    ended = as_nobody(home, *words)
    assert_refused(ended, 10, f"uid {NOBODY} may not write in the directory {home.root}/app")
    assert files_in(home.root / "app") == before


def as_nobody(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """The command without any right; the temporary directory of the tests is root's own, so it is opened for it."""
    closed = [path for path in home.root.parents if str(path).startswith("/tmp/") and not path.stat().st_mode & 0o001]
    for path in closed:
        path.chmod(path.stat().st_mode | 0o011)
    try:
        return home.command(*words, before=AS_NOBODY)
    finally:
        for path in closed:
            path.chmod(path.stat().st_mode & ~0o011)


HOOKS: dict[str, tuple[str, str]] = {
    "fails": ("{command: [sh, -c, 'exit 3']}", "exited with 3"),
    "hangs": ("{command: [sleep, '60'], timeout: 300ms}", "killed at its timeout"),
    "does not exist": ("{command: [no-such-hook]}", "could not be started"),
    "dies": ("{command: 'kill -9 $$', shell: true}", "SIGKILL"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_fails_is_11_and_the_new_file_stands(home: Home, configs: Path, name: str) -> None:
    hook, said = HOOKS[name]
    target(home, f"reload: {hook}")
    ended = home.once()
    assert_refused(ended, 11, said)
    assert (home.root / "app" / "app.yaml").read_text() == "greeting: hello\n"
    assert home.target("app")["reload_pending"] is True


def test_a_reload_that_failed_is_made_good_once_without_a_rewrite(home: Home) -> None:
    target(home, "reload: {command: [sh, -c, 'exit 3']}")
    assert home.once().returncode == 11
    before = files_in(home.root / "app")
    target(home, f"reload: {{command: [sh, -c, 'echo >> {home.root}/runs']}}")
    assert home.once().returncode == 0
    assert home.once().returncode == 0
    assert (home.root / "runs").read_text() == "\n", "what was owed is paid once"
    assert files_in(home.root / "app") == before


def test_only_what_failed_is_tried_and_told_again(home: Home) -> None:
    hook = f"echo >> {home.root}/runs; test $(wc -l < {home.root}/runs) -ge 3"
    home.configure(f"""\
        service: {{retry: {{first: 20ms, max: 50ms}}}}
        targets:
          app: {{files: [{{path: {home.root}/app/app.yaml}}]}}
          sick: {{files: [{{path: {home.root}/app/b.yaml, config: app}}], reload: {{command: "{hook}", shell: true}}}}
        """)
    ended = home.once("--retry-for", "20s")
    lines = told(ended.stderr)
    assert ended.returncode == 0
    assert (home.root / "runs").read_text() == "\n" * 3
    assert sum(line.startswith("config-sync: app: wrote") for line in lines) == 1
    assert [line.split(":")[1].strip() for line in lines] == ["app", "sick", "sick"]


def test_a_consumer_that_would_die_of_the_signal_is_not_killed(home: Home) -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            (home.root / "app.pid").write_text(f"{sleeper.pid}\n")
            target(home, f"reload: {{signal: HUP, pidfile: {home.root}/app.pid}}")
            assert_refused(home.once(), 11, f"{sleeper.pid}", "SIGHUP")
            assert sleeper.poll() is None
            assert (home.root / "app" / "app.yaml").read_text() == "greeting: hello\n"
        finally:
            sleeper.kill()


@pytest.mark.parametrize("words", [("once", "--retry-for", "0s"), ("run",)], ids=["once", "run"])
def test_a_state_directory_that_an_agent_holds_is_12_and_names_it(home: Home, words: tuple[str, ...]) -> None:
    with home.agent() as agent:
        before = files_in(home.root / "app")
        assert_refused(home.ask(*words), 12, f"pid {agent.pid}")
        assert files_in(home.root / "app") == before
        assert home.command("health").returncode == 0


def test_without_a_writable_state_directory_it_works_and_says_so(home: Home) -> None:
    nowhere = {"STATE_DIRECTORY": "/proc/no-state", "RUNTIME_DIRECTORY": "/proc/no-runtime"}
    ended = home.once(env=nowhere)
    assert ended.returncode == 0
    assert "/proc/no-state cannot be made" in ended.stderr
    assert len(told(ended.stderr)) == 1
    assert (home.root / "app" / "app.yaml").read_text() == "greeting: hello\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("moment", ["mid-fetch", "mid-backoff", "mid-check"])
def test_a_once_that_is_ended_dies_by_the_signal_and_leaves_no_litter(
    home: Home, number: signal.Signals, moment: str
) -> None:
    behaviour = faults.half_open if moment == "mid-fetch" else faults.answer(503)
    more = (
        f"validate: [sh, -c, 'touch {home.root}/checking; exec sleep 60', '{{file}}']" if moment == "mid-check" else ""
    )
    target(home, more)
    with FaultServer(behaviour) as server:
        env = {} if moment == "mid-check" else {"CONFIG_SERVICE_HOST": server.url}
        with home.start("--config", str(home.settings), "once", "--retry-for", "5m", env=env) as once:
            if moment == "mid-check":
                eventually((home.root / "checking").exists)
            else:
                eventually(lambda: bool(server.requests))
            if moment == "mid-backoff":
                once.until_said("trying again")
            assert once.end(number, within_s=20) == -number
    assert "Traceback" not in once.err
    assert os.listdir(home.root / "app") == []


def test_a_log_pipe_without_a_reader_does_not_cut_the_work_short(home: Home) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        words = [*PROGRAM, "--config", str(home.settings), "once"]
        ended = subprocess.run(
            words, cwd=home.root, env=dict(home.environ), stdout=writer, stderr=writer, check=False, timeout=30
        )
    finally:
        os.close(writer)
    assert ended.returncode == 0
    assert (home.root / "app" / "app.yaml").exists()
