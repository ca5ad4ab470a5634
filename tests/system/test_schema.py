"""``schema`` as an operator meets it: `once`, `run`, `check`, `render` and `diff` as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import serving, write_config
from tests.waiting import eventually

SECRET = "hunter2-canary"
SCHEMA = {"required": ["port"], "properties": {"port": {"type": "integer"}}}


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    write_config(tmp_path / "configs", "app", {"port": 1})
    return tmp_path / "configs"


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    with serving(configs) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, service: RunningService) -> Home:
    home = home_at(tmp_path / "h", service.url)
    schema_of(home).write_text(json.dumps(SCHEMA))
    home.configure(
        f"targets: {{app: {{schema: {schema_of(home)}, files: [{{path: {home.root}/app.json, config: app}}]}}}}"
    )
    return home


def schema_of(home: Home) -> Path:
    return home.root / "app.schema.json"


def test_once_ends_with_8_and_leaves_the_last_good_file(home: Home, configs: Path) -> None:
    assert home.once().returncode == 0
    write_config(configs, "app", {"port": SECRET})
    eventually(lambda: SECRET in home.ask("get", "app").stdout, every_s=0.1)
    for words in (("once", "--retry-for", "0s"), ("diff",)):
        ended = home.ask(*words)
        assert ended.returncode == 8, ended.stderr
        assert f"config 'app' does not fit the schema {schema_of(home)}: /port is of another type" in ended.stderr
        assert SECRET not in ended.stdout + ended.stderr
    assert (home.root / "app.json").read_text() == '{"port": 1}'
    target = home.target("app")
    assert target["state"] == "rejected"
    error = target["error"]
    assert isinstance(error, dict)
    assert error["reason"] == "SchemaRefused"
    assert error["refused"]["version"] == 2
    assert "app: version 2 refused: config 'app' does not fit" in home.ask("status").stdout


def test_the_agent_refuses_keeps_the_file_and_takes_the_next_version_that_fits(home: Home, configs: Path) -> None:
    with home.agent() as agent:
        write_config(configs, "app", {"port": SECRET})
        eventually(lambda: home.target("app").get("state") == "rejected", every_s=0.1)
        assert (home.root / "app.json").read_text() == '{"port": 1}'
        write_config(configs, "app", {"port": 3})
        eventually(lambda: (home.root / "app.json").read_text() == '{"port": 3}', every_s=0.1)
        eventually(lambda: home.target("app").get("state") == "synced", every_s=0.1)
        assert home.target("app")["error"] is None
        assert SECRET not in agent.err


def test_a_schema_that_is_corrected_counts_at_the_next_sync_without_a_restart(home: Home) -> None:
    schema_of(home).write_text('{"required": ["nothing-like-it"]}')
    with home.agent(is_ready=False):
        eventually(lambda: isinstance(home.target("app").get("error"), dict), every_s=0.1)
        schema_of(home).write_text(json.dumps(SCHEMA))
        assert home.ask("sync", "--wait", "app").returncode == 0
        assert (home.root / "app.json").read_text() == '{"port": 1}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file or directory"),
        ("{", "it is not JSON"),
        ('{"type": "bogus"}', "cannot be used: /type"),
        ('{"$ref": "https://example.com/x.json"}', "cannot be used"),
    ],
    ids=["missing", "no JSON", "no schema", "leads elsewhere"],
)
def test_check_and_a_sync_tell_of_a_schema_that_cannot_be_used(home: Home, text: str | None, said: str) -> None:
    if text is None:
        schema_of(home).unlink()
    else:
        schema_of(home).write_text(text)
    for words in (("check",), ("once", "--retry-for", "0s"), ("diff",)):
        ended = home.ask(*words)
        assert ended.returncode == 3, (words, ended.stderr)
        assert f"schema {schema_of(home)}" in ended.stderr
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
    assert home.target("app")["state"] == "failed"
    assert not (home.root / "app.json").exists()


def test_check_is_content_with_a_good_schema(home: Home) -> None:
    assert home.ask("check").returncode == 0


def test_render_refuses_what_a_sync_would(home: Home) -> None:
    ended = home.command(
        "--config", str(home.settings), "render", "app", "--document", "-", given=f'{{"port": "{SECRET}"}}'
    )
    assert ended.returncode == 8
    assert "/port is of another type" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize("words", [("check",), ("once", "--retry-for", "0s"), ("diff",)])
def test_without_the_extra_the_settings_are_refused_with_the_line_to_run(home: Home, words: tuple[str, ...]) -> None:
    program = (
        "import runpy, sys; sys.modules['jsonschema_rs'] = None; sys.argv[0] = 'config-sync';"
        " runpy.run_module('config_sync', run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "--config", str(home.settings), *words],
        cwd=home.root,
        env=dict(home.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "pip install 'config-sync[schema]'" in ended.stderr
