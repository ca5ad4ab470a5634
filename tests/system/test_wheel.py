"""What users install: the sdist and the wheel built from it, in a fresh environment outside the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from config_sync import __version__

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installed:
    """The two archives, and the programs of the environment that the wheel is installed in."""

    sdist: Path
    wheel: Path
    bin: Path
    elsewhere: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One of the environment's programs, outside the source tree, with no sign of this one."""
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.elsewhere,
            env={"PATH": os.defpath, "HOME": str(self.elsewhere)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built as `make build` does (the wheel from the sdist) and installed without extras, in the tested versions."""
    made = tmp_path_factory.mktemp("wheel")
    _must([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made / "dist"), str(ROOT)])
    (sdist,) = (made / "dist").glob("*.tar.gz")
    (wheel,) = (made / "dist").glob("*.whl")
    _must([sys.executable, "-m", "venv", "--without-pip", str(made / "venv")])
    python = made / "venv" / "bin" / "python"
    constraints = str(ROOT / ".ci" / "constraints.txt")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(python)]
    _must([*pip, "install", "--constraint", constraints, str(wheel)])
    elsewhere = made / "elsewhere"
    elsewhere.mkdir()
    return Installed(sdist, wheel, python.parent, elsewhere)


def _must(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "command",
    [["config-sync", "--version"], ["python", "-m", "config_sync", "--version"]],
    ids=["script", "module"],
)
def test_it_tells_its_version(installed: Installed, command: list[str]) -> None:
    done = installed.run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


@pytest.mark.parametrize(
    "command", [["config-sync", "--help"], ["python", "-m", "config_sync", "--help"]], ids=["script", "module"]
)
def test_it_helps(installed: Installed, command: list[str]) -> None:
    done = installed.run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "once" in done.stdout


def test_it_is_imported_from_where_it_was_installed_and_is_typed(installed: Installed) -> None:
    code = (
        "import config_sync, importlib.resources as r; print(config_sync.__version__, config_sync.__file__);"
        "assert r.files(config_sync).joinpath('py.typed').is_file()"
    )
    done = installed.run("python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    version, _, path = done.stdout.strip().partition(" ")
    assert version == __version__
    assert Path(path).is_relative_to(installed.bin.parent)


def test_without_an_extra_its_command_names_what_to_install(installed: Installed) -> None:
    done = installed.run("config-sync", "serve", ".")
    assert done.returncode == 2
    assert "pip install 'config-sync[serve]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_wheel_holds_the_package_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
    info = f"config_sync-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"config_sync", info}
    assert {"config_sync/py.typed", f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"} <= set(names)


def test_the_sdist_can_be_worked_on(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "Makefile", "LICENSE", "README.md", ".ci/run", "tests/conftest.py"} <= names
    assert not any(name.endswith(".pyc") for name in names)


def test_it_brings_the_units_that_the_repository_ships(installed: Installed, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("service: {host: https://x.example}\ntargets: {app: {files: [{path: /srv/app/app.json}]}}\n")
    done = installed.run("config-sync", "--config", str(settings), "install-systemd", "--print")
    assert done.returncode == 0, done.stderr
    program = str(installed.bin / "config-sync")
    shipped = (ROOT / "systemd" / "config-sync.service").read_text().replace("/usr/local/bin/config-sync", program)
    assert shipped in done.stdout
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"systemd/{path.name}" for path in (ROOT / "systemd").iterdir() if path.is_file()} <= names
