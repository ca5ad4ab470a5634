"""The README's section on the SDK: its programs run, and what it lists is what the package has."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import config_sync
from config_sync.devserver.server import RunningService
from config_sync.sdk import errors
from tests.docs.sections import ROOT
from tests.service import write_config

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## For Python programs: the SDK", 1)[1]
SECTION = SECTION.split("\n## ", 1)[0]
PROGRAM, CONFTEST, TESTS = re.findall(r"^```python\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def _run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={"PATH": os.environ.get("PATH", os.defpath), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_its_program_reads_a_config(tmp_path: Path, configs: Path, config_service: RunningService) -> None:
    write_config(configs, "my-app", {"port": 8080, "tags": ["a"]})
    (tmp_path / "program.py").write_text(f"{PROGRAM}\nprint(app)\n")
    done = _run("program.py", cwd=tmp_path, **config_service.environment)
    assert (done.stdout, done.stderr, done.returncode) == ("App(port=8080, tags=['a'])\n", "", 0)


def test_its_test_of_a_program_passes(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_program.py").write_text(TESTS)
    done = _run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_its_table_has_every_exception() -> None:
    told = re.findall(r"^\| `(\w+Error)` \|", SECTION, re.MULTILINE)
    public = [one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__]
    assert sorted(told) == sorted(one.__name__ for one in public if issubclass(one, errors.ConfigClientError))


@pytest.mark.parametrize("name", [name for name in config_sync.__all__ if not name.startswith("_")])
def test_every_public_name_is_in_it_or_in_the_reference(name: str) -> None:
    reference = (ROOT / "examples" / "sdk" / "REFERENCE.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{name}\b", SECTION) or re.search(rf"\b{name}\b", reference)


def test_importing_the_package_imports_nothing(tmp_path: Path) -> None:
    shown = "import sys; before = set(sys.modules); import config_sync; print(sorted(set(sys.modules) - before))"
    done = _run("-I", "-c", shown, cwd=tmp_path)
    assert done.stdout == "['config_sync']\n"
