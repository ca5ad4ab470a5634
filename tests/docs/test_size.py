"""The shape of the repository: short modules, a top folder one can read, no test outside a lane."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lanes import UNIT

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 300
TOP = {
    "config_sync", "tests", "systemd", "examples", "pyproject.toml", "README.md", "LICENSE", "ARCHITECTURE.md",
    "CHANGELOG.md", "CONTRIBUTING.md", "Makefile",
}  # fmt: skip
MADE = {"build", "dist"}
"""By `make build`; git ignores them."""

MODULES = sorted(path for folder in ("config_sync", "tests") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_a_module_fits_in_one_reading(path: Path) -> None:
    with path.open(encoding="utf-8") as lines:
        assert sum(1 for _ in lines) <= MAX_LINES


def test_the_top_folder_holds_what_belongs_there() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - TOP - MADE == set()


def test_every_test_is_in_a_lane() -> None:
    lanes = {*UNIT, "tests/system"}
    folders = {"/".join(path.relative_to(ROOT).parts[:2]) for path in (ROOT / "tests").rglob("test_*.py")}
    assert folders - lanes == set()
