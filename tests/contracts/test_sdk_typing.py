"""The SDK in the eyes of its users' type checkers: programs under tests/typing, checked as a user would."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import config_sync
from config_sync import testing

PROGRAMS = Path(__file__).parents[1] / "typing"
NAMES = sorted(path.name for path in PROGRAMS.glob("program_*.py"))


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The programs, away from this project's settings."""
    for path in PROGRAMS.glob("*.py"):
        if path.name != "__init__.py":
            (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def run(*command: str, folder: Path) -> str:
    """What a checker says; fails unless it is content."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mypy_strict_is_content_with_the_programs_and_finds_the_mistakes(
    programs: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    cache = str(pytestconfig.cache.mkdir("mypy"))
    (programs / "mypy.ini").write_text("[mypy]\n")
    # Nothing in the programs but the models has the type Any: nothing that the SDK gave them either.
    plain = [one for one in NAMES if "pydantic" not in one]
    common = ("mypy", "--strict", "--cache-dir", cache)
    run(*common, *NAMES, "wrong.py", folder=programs)
    run(*common, "--disallow-any-expr", *plain, folder=programs)


def test_pyright_strict_is_content_with_the_programs(programs: Path) -> None:
    if importlib.util.find_spec("basedpyright") is None:
        pytest.skip("basedpyright is not installed")
    settings = {"typeCheckingMode": "strict", "include": NAMES, "failOnWarnings": False}
    (programs / "pyrightconfig.json").write_text(json.dumps(settings))
    said = run("basedpyright", "--pythonpath", sys.executable, folder=programs)
    assert "0 errors" in said


def _mentions_any(hint: object) -> bool:
    return hint is typing.Any or any(_mentions_any(one) for one in typing.get_args(hint))


def test_no_annotation_of_the_public_api_is_any() -> None:
    public = [getattr(config_sync, name) for name in config_sync.__all__] + [testing.ConfigService]
    seen = 0
    for kind in public:
        for owner in (kind, *(vars(kind).values())):
            wrapped: object = getattr(owner, "fget", None) or getattr(owner, "__func__", None) or owner
            annotations: dict[str, object] = getattr(wrapped, "__annotations__", {})
            assert not any("Any" in str(one) or _mentions_any(one) for one in annotations.values()), owner
            seen += len(annotations)
    assert seen > 100
