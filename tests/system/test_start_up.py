"""What a command imports, and so what its start costs (network.md, "Start-up"): modules are counted, never time.

Each command runs in an interpreter of its own, in an environment that has all extras and the development tools, so
that what an import would take along by chance (rich, trio, click) is there to be taken.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.errors import Exit
from tests.service import write_config

AFTER = """
import json, sys
_, report, *words = sys.argv
sys.argv = ["config-sync", *words]
from config_sync.__main__ import main
try:
    code = main()
except SystemExit as ended:
    code = ended.code
with open(report, "w") as file:
    json.dump({"code": int(code or 0), "modules": sorted(sys.modules)}, file)
"""
"""A program that is the command and then says what has been imported."""

NOT_FOR_ONCE = frozenset(
    {
        "rich",
        "click",
        "watchfiles",
        "jinja2",
        "pydantic",
        "jsonschema",
        "jsonschema_rs",
        "starlette",
        "uvicorn",
        "httpx",
    }
)
NOT_FOR_ASKING = NOT_FOR_ONCE | {"httpcore", "h11", "ssl", "cryptography", "yaml", "structlog", "asyncio", "logging"}


def imported_by(
    directory: Path, *words: str, environment: Mapping[str, str] | None = None, code: int = Exit.DONE
) -> frozenset[str]:
    """The top-level names of all modules in the interpreter after the command ended with `code`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONFIG_", "PYTHON"))}
    report = directory / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", AFTER, str(report), *words],
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(report.read_text())
    assert said["code"] == code, done.stderr
    return frozenset(str(name).partition(".")[0] for name in said["modules"])


def settings_of(directory: Path) -> Path:
    """Settings with one file, all in `directory`."""
    settings = directory / "settings.yaml"
    settings.write_text(
        f"agent: {{state_dir: {directory}/state, runtime_dir: {directory}/runtime}}\n"
        f"targets: {{app: {{files: [{{path: {directory}/app.yaml}}]}}}}\n"
    )
    return settings


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_sync_of_one_file_imports_nothing_that_other_commands_need(
    level: str, tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", {"port": 80})
    words = ("once", "--config", str(settings_of(tmp_path)), "--log-level", level)  # debug: the logger writes, too
    loaded = imported_by(tmp_path, *words, environment=config_service.environment)
    assert (tmp_path / "app.yaml").read_text() == "port: 80\n"
    assert loaded & NOT_FOR_ONCE == set()
    assert {"httpcore", "cryptography", "yaml"} <= loaded  # else the names above say nothing


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), Exit.DONE),
        (("--help",), Exit.DONE),
        (("health", "--help"), Exit.DONE),
        (("status", "--help"), Exit.DONE),
        (("health",), Exit.DIFFERS),
    ],
    ids=["version", "help", "help-of-health", "help-of-status", "health"],
)
def test_a_short_word_costs_only_the_standard_library(words: tuple[str, ...], code: Exit, tmp_path: Path) -> None:
    loaded = imported_by(tmp_path, *words, environment={"RUNTIME_DIRECTORY": str(tmp_path)}, code=code)
    assert loaded & NOT_FOR_ASKING == set()


@pytest.mark.parametrize("how", ["plain", "json"])
def test_status_of_a_real_sync_costs_only_the_standard_library(
    how: str, tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    write_config(configs, "app", {"port": 80})
    imported_by(tmp_path, "once", "--config", str(settings_of(tmp_path)), environment=config_service.environment)
    words = ("status", "--json") if how == "json" else ("status",)
    loaded = imported_by(tmp_path, *words, environment={"RUNTIME_DIRECTORY": str(tmp_path / "runtime")})
    assert loaded & NOT_FOR_ASKING == set()
