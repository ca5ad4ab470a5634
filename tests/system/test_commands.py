"""The commands around the agent, as processes: the form without settings, the service from a shell, output and help."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.cli import COMMANDS
from config_sync.devserver.server import RunningService
from tests.program import AS_NOBODY, NOBODY, PROGRAM, Home, assert_refused, home_at
from tests.service import serving, write_config
from tests.waiting import eventually

HELP: dict[str, tuple[str, ...]] = {
    "run": ("--file", "--hook", "USR1"),
    "once": ("--retry-for", "--fresh", "--no-reload", "--file", "--signal", "--pidfile", "--systemd", "--ca-file"),
    "check": ("--file",),
    "exec": ("--on-change", "--grace", "--env", "--restart"),
    "diff": ("TARGET", "--show-values", "--file"),
    "status": ("--json", "--instance", "--runtime-dir"),
    "health": ("live", "ready", "startup", "--runtime-dir"),
    "sync": ("TARGET", "--wait", "--version", "--timeout", "--runtime-dir"),
    "history": ("TARGET", "--json"),
    "rollback": ("TARGET", "--to", "--runtime-dir"),
    "hold": ("TARGET", "--for", "--reason", "--runtime-dir"),
    "resume": ("TARGET", "--runtime-dir"),
    "reload": ("TARGET", "--runtime-dir"),
    "reload-settings": ("--runtime-dir",),
    "list": ("--json",),
    "get": ("NAME", "--format", "--output", "--environment"),
    "watch": ("NAME", "--json"),
    "explain": ("TARGET", "POINTER", "--show-values"),
    "render": ("TARGET", "--document", "--output", "stdin"),
    "serve": ("DIR", "--listen"),
    "demo": ("extra 'serve'",),
    "install-systemd": ("TARGET", "--print", "--force", "no variable of this shell"),
    "schema": ("yaml-language-server",),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One for all the tests that change nothing there."""
    configs = tmp_path_factory.mktemp("configs")
    write_config(configs, "app", {"greeting": "hello", "workers": 2})
    write_config(configs, "app", {"greeting": "hello", "workers": 8}, environment="test")
    with serving(configs) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, service: RunningService) -> Home:
    return home_at(tmp_path / "h", service.url)


@pytest.fixture
def changing(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    """One with a service of its own, over `configs`."""
    write_config(configs, "app", {"greeting": "hello"})
    return home_at(tmp_path / "h", config_service.url)


@pytest.mark.parametrize("command", [one.name for one in COMMANDS])
def test_every_command_has_its_module_and_tells_its_options(tmp_path: Path, command: str) -> None:
    one = next(one for one in COMMANDS if one.name == command)
    module = importlib.import_module(f"config_sync.cli.{one.module}")
    assert callable(module.configure)
    assert callable(module.run)
    ended = home_at(tmp_path, "").command(command, "--help", timeout_s=60)
    assert ended.returncode == 0
    assert ended.stderr == ""
    for words in (*HELP[command], "--config", "--log-level"):
        assert words in ended.stdout


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",), ("--config", "x.yaml", "--help")], ids=" ".join)
def test_help_names_every_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = home_at(tmp_path, "").command(*words)
    assert ended.returncode == 0
    assert all(f"  {one.name} " in ended.stdout for one in COMMANDS)


def test_without_a_word_the_help_is_an_error(tmp_path: Path) -> None:
    ended = home_at(tmp_path, "").command()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "usage: config-sync" in ended.stderr


def test_the_form_without_settings_needs_the_service_variables_only(home: Home) -> None:
    only = {name: value for name, value in home.environ.items() if name.startswith("CONFIG_SERVICE_")}
    words = [*PROGRAM, "once", "--file", "app=app.yaml", "--environment", "test", "--mode", "0600"]
    script = 'exec "$@" --hook "echo told > told"'
    # As root it would use /var/lib and /run of this machine: those are hidden from it.
    hidden = "mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run && "
    before = (
        ["unshare", "--mount", "sh", "-c", hidden + script, "sh"] if os.geteuid() == 0 else ["sh", "-c", script, "sh"]
    )
    path = {"PATH": home.environ["PATH"]}
    ended = subprocess.run(
        [*before, *words], cwd=home.root, env={**only, **path}, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 0, ended.stderr
    assert (home.root / "app.yaml").read_text() == "greeting: hello\nworkers: 8\n"
    assert (home.root / "app.yaml").stat().st_mode & 0o777 == 0o600
    assert (home.root / "told").read_text() == "told\n"


def test_run_without_settings_follows_the_service(changing: Home, configs: Path) -> None:
    with changing.start("run", "--file", "app=app.json", "--file", "other=other.json") as agent:
        eventually((changing.root / "app.json").exists)
        write_config(configs, "app", {"greeting": "goodbye"})
        eventually(lambda: json.loads((changing.root / "app.json").read_text()) == {"greeting": "goodbye"})
        assert agent.end() == 0
    assert not (changing.root / "other.json").exists()


@pytest.mark.root
def test_a_user_without_rights_and_without_a_home_is_served_and_told_what_is_missing(service: RunningService) -> None:
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o777)
        whole = home_at(Path(root), service.url).environ
        home = Home(Path(root), {name: value for name, value in whole.items() if not name.endswith("_DIRECTORY")})
        ended = home.command("once", "--file", "app=app.json", before=AS_NOBODY)
        assert ended.returncode == 0, ended.stderr
        assert "config-sync cannot be made: Permission denied" in ended.stderr
        assert (home.root / "app.json").stat().st_uid == NOBODY
        assert_refused(home.command("run", "--file", "app=app.json", before=AS_NOBODY), 10, "agent.state_dir")
        env = {"XDG_STATE_HOME": root}
        with home.start("run", "--file", "app=app.json", env=env, before=AS_NOBODY) as agent:
            ready = ("health", "ready")
            eventually(lambda: home.command(*ready, env=env, before=AS_NOBODY).returncode == 0, every_s=0.1)
            assert agent.end() == 0
        assert "synced" in home.command("status", env=env, before=AS_NOBODY).stdout


def test_get_prints_or_writes_as_the_agent_would(home: Home) -> None:
    yaml = home.command("get", "app", "-f", "yaml")
    assert (yaml.returncode, yaml.stdout, yaml.stderr) == (0, "greeting: hello\nworkers: 2\n", "")
    assert json.loads(home.command("get", "app", "--environment", "test").stdout)["workers"] == 8
    written = home.command("get", "app", "-f", "env", "-o", "app.env")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert (home.root / "app.env").read_text() == "GREETING='hello'\nWORKERS='2'\n"
    assert (home.root / "app.env").stat().st_mode & 0o777 == 0o600
    assert_refused(home.command("get", "nope"), 5, "404")
    assert_refused(home.command("get", "app", "-o", "/nowhere/app.json"), 10, "/nowhere")


def test_list_names_the_configs_for_people_and_for_scripts(home: Home) -> None:
    assert home.command("list").stdout.splitlines()[1].startswith("app  ")
    (row,) = json.loads(home.command("list", "--json").stdout)
    assert (row["name"], row["is_valid"]) == ("app", True)
    assert_refused(home.command("list", env={"CONFIG_SERVICE_TOKEN": "wrong"}), 4, "401")


def test_watch_prints_a_line_a_change_and_ends_when_asked(changing: Home, configs: Path) -> None:
    with changing.start("watch", "app", "--json") as watch:
        watch.until_said("watching app")
        write_config(configs, "app", {"greeting": "goodbye"})
        eventually(lambda: watch.out)
        change = json.loads(watch.out.splitlines()[0])
        assert (change["config"], set(change)) == ("app", {"config", "version", "changed_by", "timestamp"})
        assert watch.end(signal.SIGINT) == 0
    assert_refused(changing.command("watch", "nope"), 5, "404")


@pytest.mark.parametrize("words", [("schema",), ("get", "app"), ("--help",)], ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(home: Home, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [*PROGRAM, *words], env=dict(home.environ), stdout=writer, stderr=subprocess.PIPE, check=False, timeout=20
        )
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("words", [("list",), ("once", "--help")], ids=" ".join)
def test_output_that_cannot_be_written_is_10(home: Home, words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*PROGRAM, *words], env=dict(home.environ), stdout=full, stderr=subprocess.PIPE, check=False, timeout=20
        )
    assert ended.returncode == 10
    assert b"No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_check_tells_mistakes_before_they_matter_and_changes_nothing(home: Home) -> None:
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.yaml}}], validate: [no-such, '{{file}}']}}}}")
    ended = home.ask("check")
    assert ended.returncode == 0
    assert "warning: targets.app.validate: no-such is not on the PATH" in ended.stderr
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/settings.yaml/x.yaml}}]}}}}")
    ended = home.ask("check")
    assert ended.returncode == 10
    assert "is not a directory" in ended.stderr
    home.configure("targets: {app: {files: [{path: x.yaml}]}}")
    assert home.ask("check").returncode == 3
    assert sorted(os.listdir(home.root)) == ["settings.yaml"]


def test_status_of_nobody_is_told(home: Home) -> None:
    assert_refused(home.command("status"), 6, "no status under")
    assert_refused(home.command("status", "--instance", "../x"), 2, "is not a name")
