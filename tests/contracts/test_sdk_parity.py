"""One program text, two packages: the published SDK (`config_client`, from the index) and ours, on one service.

The programs stand in ``sdk_program_*.py``, written for the published SDK. For ours nothing changes but the import.
Where the two differ is in test_sdk_differences.py, each with its reason.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.service import serving, write_config

HERE = Path(__file__).parent
PROGRAMS = sorted(path.name for path in HERE.glob("sdk_program_*.py"))


@pytest.fixture
def service(configs: Path) -> Iterator[RunningService]:
    """A config in two environments."""
    app = {"port": 1, "ratio": 1.5, "database": {"host": "db", "tls": True}, "names": ["a", "b"]}
    write_config(configs, "app", app)
    write_config(configs, "app", app | {"port": 80}, environment="production")
    with serving(configs) as running:
        yield running


def run(program: str, package: str, service: RunningService, configs: Path) -> str:
    """What the program prints with the package."""
    text = (HERE / program).read_text()
    assert "from config_client import" in text
    text = text.replace("from config_client import", f"from {package} import")
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**service.environment, "CONFIGS": str(configs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", [one for one in PROGRAMS if "watching" not in one])
@pytest.mark.parametrize("package", ["config_sync", "config_sync.sdk"])
def test_a_program_does_the_same_after_changing_the_import(
    program: str, package: str, service: RunningService, configs: Path
) -> None:
    published = run(program, "config_client", service, configs)
    assert published.count("\n") >= 10
    assert run(program, package, service, configs) == published


@pytest.mark.parametrize("package", ["config_client", "config_sync"])
def test_a_program_that_watches_sees_the_same_with_both(package: str, service: RunningService, configs: Path) -> None:
    """Each on a service of its own: versions count on."""
    assert run("sdk_program_watching.py", package, service, configs).splitlines() == [
        "[('app', 2, True), ('app', 3, True), ('app', 4, True)]",
        "App(port=4) []",
        "['app', 'app', 'app', 'app', 'app', 'app']",
        "['UnmarshalError'] App(port=4)",
        "closed",
    ]
