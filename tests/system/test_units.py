"""The shipped units: what systemd says of them, and that they do what systemd/README.md says, in a booted systemd."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.system.systemd_machine import run_in_machine

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))

EXPOSURE = 1.4
"""Of `systemd-analyze security` (252), for both units; a higher one needs a reason."""

RUNS = (
    "anyio", "certifi", "cffi", "click", "cryptography", "h11", "httpcore", "httpx", "idna", "jinja2", "markupsafe",
    "starlette", "structlog", "uvicorn", "watchfiles", "yaml", "typing_extensions.py",
)  # fmt: skip
"""What the agent and the embedded service import, beside `config_sync` itself."""

pytestmark = pytest.mark.systemd


@pytest.fixture
def units(tmp_path: Path) -> tuple[Path, ...]:
    """The units as they would be installed, a template as an instance, with a program that exists here."""
    program = shutil.which("true")
    assert program is not None
    made = []
    for unit in UNITS:
        path = tmp_path / unit.name.replace("@.", "@one.")
        path.write_text(unit.read_text().replace("/usr/local/bin/config-sync", program))
        made.append(path)
    return tuple(made)


def test_systemd_has_nothing_to_say_about_the_units(units: tuple[Path, ...]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_their_exposure_is_bounded(units: tuple[Path, ...]) -> None:
    for unit in units:
        threshold = f"--threshold={round(EXPOSURE * 10)}"
        done = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true", threshold, str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-300:] + done.stderr
        found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        assert found is not None
        assert float(found[1]) <= EXPOSURE


def test_both_units_are_the_same_but_for_the_instance() -> None:
    one, instances = (
        _lines((ROOT / "systemd" / name).read_text()) for name in ("config-sync.service", "config-sync@.service")
    )
    differ = {line.partition("=")[0] for line in one ^ instances}
    assert differ == {"Description", "Environment", "StateDirectory", "RuntimeDirectory"}


def _lines(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and not line.startswith("#")}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    """What `units_probe` found in the machine."""
    # Not below /tmp: the machine has one of its own.
    with tempfile.TemporaryDirectory(prefix="config-sync-machine-", dir="/var/tmp") as beside:
        _put_beside(Path(beside))
        script = Path(__file__).with_name("units_probe.py").read_text()
        script = script.replace("@BESIDE@", beside).replace("@PREFIX@", sys.base_prefix)
        share = run_in_machine(script, tmp_path_factory.mktemp("units"), within_s=120)
        told = share / "results.json"
        assert told.exists(), (share / "log").read_text() if (share / "log").exists() else "the machine did not boot"
        found: object = json.loads(told.read_text())
        assert isinstance(found, dict)
        logs = {path.name: path.read_text() for path in share.glob("*log") if path.is_file()}
        yield {**found, "logs": "\n".join(f"== {name}\n{text}" for name, text in logs.items())}


def _put_beside(directory: Path) -> None:
    """What the machine needs and cannot see, or may not see as an ordinary user."""
    directory.chmod(0o755)
    for name in ("systemd", "examples"):
        shutil.copytree(ROOT / name, directory / name)
    library = directory / "lib"
    shutil.copytree(ROOT / "config_sync", library / "config_sync", ignore=shutil.ignore_patterns("__pycache__"))
    for site in {Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))}:
        sources = [*(site / name for name in RUNS), *site.glob("_cffi_backend*")]
        for source in sources:
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, library / source.name, ignore=ignored, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, library)


EXPECTED: Mapping[str, object] = {
    "the embedded service answers": True,
    "start": [0, "", "active"],
    "the file stands when start returns": True,
    "its owner, group and mode": [6991, 6992, "0o640"],
    "status text": "1 of 1 targets synced",
    "uid and capabilities": ["6991", 0, 0],
    "the consumer sees the file": True,
    "a change reaches the consumer": True,
    "reload with good settings": 0,
    "reload with bad settings fails": True,
    "and it runs on": ["active", "running"],
    "stop takes under 5 s": True,
    "stop": "success exited 0\n",
    "start of an instance": 0,
    "status of an instance": True,
    "reload of an instance": 0,
    "start of a wider instance": 0,
    "it gives the file away": [65534, 6992],
    "the other's process sees it": True,
    "and hears of a change": True,
    "start of the unit with its agent": 0,
    "the unit has its environment": True,
    "and is not restarted by the first sync": True,
    "the environment file": "MY_SERVICE_GREETING='hello'\nMY_SERVICE_DB__URL='postgres://db'\n",
    "a change restarts it": True,
}


@pytest.mark.parametrize("what", EXPECTED)
def test_in_a_booted_systemd(results: Mapping[str, object], what: str) -> None:
    assert results.get(what) == EXPECTED[what], results["logs"]
