"""`explain` and `render` as processes: where a value comes from, and a target's files without a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import serving, write_config
from tests.system.test_merging import SETTINGS, TEMPLATE

SECRET = "hunter2\x1b[31m\x9b"


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configs")
    write_config(folder, "common", '{"db": {"host": "a", "port": 5432, "ratio": 1.10}, "log": {"level": "info"}}')
    write_config(folder, "my-service", {"db": {"host": "b", "password": "hunter2"}, "log": None, "odd": SECRET})
    return folder


@pytest.fixture(scope="module")
def service(configs: Path) -> Iterator[RunningService]:
    """One for all: nothing changes there."""
    with serving(configs) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, service: RunningService) -> Home:
    home = home_at(tmp_path / "h", service.url)
    (home.root / "app.j2").write_text(TEMPLATE)
    home.configure(SETTINGS.format(root=home.root))
    return home


# ---- explain


def test_explain_tells_which_config_and_version_a_value_came_from(home: Home) -> None:
    ended = home.ask("explain", "app", "/db/host")
    assert ended.returncode == 0, ended.stderr
    head = ended.stdout.split("\n")
    assert head[0] == f"{home.root}/app.json: /db/host"
    assert "  from       config my-service, version 1" in head
    assert "  overrides  config common, version 1" in head
    assert "  value      a string" in head
    assert "  absent     my-host (optional)" in head
    variable = home.ask("explain", "app", "/host")
    assert "  selected   /db/host of the merge of 'common', 'my-service' and 'my-host'" in variable.stdout
    assert "  written    to the variable HOST" in variable.stdout


def test_explain_shows_a_value_only_when_asked_and_never_raw_to_a_terminal(home: Home) -> None:
    masked = home.ask("explain", "app", "")
    assert masked.returncode == 0
    assert "hunter2" not in masked.stdout + masked.stderr
    assert "the whole document" in masked.stdout
    shown = home.ask("explain", "app", "/odd", "--show-values").stdout
    assert "hunter2" in shown
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_explain_says_what_took_a_value_away_and_that_no_config_has_one(home: Home) -> None:
    gone = home.ask("explain", "app", "/log/level")
    assert gone.returncode == 5
    assert "  removed    by config my-service, version 1\n  was in     config common, version 1\n" in gone.stdout
    never = home.ask("explain", "app", "/nothing/at/all")
    assert never.returncode == 5
    assert "no config of target 'app' has /nothing/at/all" in never.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("app", "db/host"), 2, "'db/host' is no JSON pointer"),
        (("ap", "/db"), 2, "did you mean 'app'?"),
    ],
    ids=["no-pointer", "no-target"],
)
def test_explain_refuses_what_it_cannot_answer(home: Home, words: tuple[str, ...], code: int, said: str) -> None:
    ended = home.ask("explain", *words)
    assert ended.returncode == code
    assert said in ended.stderr


# ---- render


def documents(home: Home, configs: Path, *, host: str | None = None) -> list[str]:
    names = {"common": "common.json", "my-service": "my-service.json"}
    words = [word for name, file in names.items() for word in ("--document", f"{name}={configs / file}")]
    if host is not None:
        (home.root / "host.json").write_text(host)
        words += ["--document", f"my-host={home.root / 'host.json'}"]
    return words


def test_render_prints_what_a_sync_would_write_and_needs_no_service(home: Home, configs: Path) -> None:
    alone = {"CONFIG_SERVICE_HOST": "", "CONFIG_SERVICE_TOKEN": "", "CONFIG_SERVICE_KEY": ""}
    ended = home.command("--config", str(home.settings), "render", "app", *documents(home, configs), env=alone)
    assert ended.returncode == 0, ended.stderr
    printed = ended.stdout
    assert home.once().returncode == 0
    expected = ""
    for name in ("app.json", "app.env", "app.conf"):
        content = (home.root / name).read_text()
        expected += f"==> {home.root / name} <==\n{content}" + ("" if content.endswith("\n") else "\n")
    assert printed == expected


def test_render_writes_the_files_of_a_directory(home: Home, configs: Path) -> None:
    out = home.root / "out" / "deep"
    ended = home.ask("render", "app", *documents(home, configs, host='{"db": {"host": "h"}}'), "-o", str(out))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "".join(f"{out / name}\n" for name in ("app.json", "app.env", "app.conf"))
    assert json.loads((out / "app.json").read_text())["db"]["host"] == "h"
    assert (out / "app.env").stat().st_mode & 0o777 == 0o600
    assert not (home.root / "app.json").exists()
    assert not home.state_dir.exists()


def test_render_of_one_config_takes_its_document_from_stdin_byte_for_byte(home: Home) -> None:
    home.configure(f"targets: {{one: {{files: [{{path: {home.root}/one.json}}]}}}}")
    ended = home.command("--config", str(home.settings), "render", "one", "--document", "-", given='{"n":  1.10}')
    assert (ended.returncode, ended.stdout) == (0, '{"n":  1.10}')


def test_render_refuses_with_the_pointer_and_no_value(home: Home) -> None:
    home.configure(f"targets: {{one: {{files: [{{path: {home.root}/one.env}}]}}}}")
    given = '{"a": {"b-c": "hunter2", "b_c": "hunter2"}}'
    ended = home.command("--config", str(home.settings), "render", "one", "--document", "-", given=given)
    assert ended.returncode == 8
    assert "/a/b-c and /a/b_c" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
    bad = home.command("--config", str(home.settings), "render", "one", "--document", "-", given='{"a": hunter2}')
    assert bad.returncode == 8
    assert "config one: the document is not JSON" in bad.stderr
    assert "hunter2" not in bad.stdout + bad.stderr


MISUSES: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": (("app",), "--document"),
    "no-name": (("app", "--document", "x.json"), "this names none"),
    "unknown-name": (("app", "--document", "other=x.json"), "one of common, my-service, my-host"),
    "one-missing": (("app", "--document", "common={configs}/common.json"), "--document my-service=FILE"),
    "twice": (("app", "--document", "common=a", "--document", "common=b"), "given twice"),
    "stdin-twice": (("app", "--document", "common=-", "--document", "my-service=-"), "only one document"),
    "no-file": (("app", "--document", "common=/no/such", "--document", "my-service=/no"), "No such file"),
    "no-target": (("apq", "--document", "x"), "did you mean 'app'?"),
}


@pytest.mark.parametrize(("words", "said"), MISUSES.values(), ids=MISUSES.keys())
def test_render_refuses_what_does_not_fit_the_target(
    home: Home, configs: Path, words: tuple[str, ...], said: str
) -> None:
    ended = home.ask("render", *(word.format(configs=configs) for word in words))
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stdout == ""
