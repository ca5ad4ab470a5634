"""The shipped units: what systemd says of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "systemd"
UNITS = sorted([*SHIPPED.glob("*.service"), *SHIPPED.glob("*.path")])
AGENTS = ("config-sync.service", "config-sync@.service", "config-sync-once@.service")
DROP_INS = sorted((SHIPPED / "drop-ins").glob("*.conf"))

EXPOSURE = 1.1
"""Of `systemd-analyze security` (252), for each unit that runs the agent; a higher one needs a reason."""

EXPOSURE_WITH: Mapping[str, float] = {
    "group-owner": 1.4,
    "direct-signal": 1.6,
    "any-owner": 1.8,
    "notify-reload": 1.1,
}
"""The same with one of the drop-ins."""

pytestmark = pytest.mark.systemd


def installed(directory: Path, name: str, *, drop_in: Path | None = None) -> Path:
    """The unit as it would be installed, a template as an instance, with programs that exist here."""
    program = shutil.which("true")
    assert program is not None
    path = directory / name.replace("@.", "@one.")
    text = (SHIPPED / name).read_text()
    for own in ("/usr/local/bin/config-sync", "/etc/config-sync/hooks/%i"):
        text = text.replace(own, program)
    path.write_text(text)
    if drop_in is not None:
        beside = directory / f"{path.name}.d"
        beside.mkdir()
        shutil.copy(drop_in, beside)
    return path


def verified(*units: Path) -> tuple[int, str, str]:
    """The exit code, output and errors of `systemd-analyze verify`; its code is 0 whatever it finds."""
    words = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def exposure(unit: Path) -> float:
    """Of `systemd-analyze security`, from 0 to 10."""
    words = ["systemd-analyze", "security", "--no-pager", "--offline=true", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return float(found[1])


def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    assert len(UNITS) == 6
    assert verified(*(installed(tmp_path, unit.name) for unit in UNITS)) == (0, "", "")


def test_systemd_has_nothing_to_say_about_the_drop_ins(tmp_path: Path) -> None:
    assert {one.stem for one in DROP_INS} == EXPOSURE_WITH.keys()
    for one in DROP_INS:
        directory = tmp_path / one.stem
        directory.mkdir()
        code, told, errors = verified(installed(directory, AGENTS[0], drop_in=one))
        lines = [line for line in errors.splitlines() if not line.endswith("ignoring: notify-reload")]
        # 252 does not know the type that this drop-in is for, and says so in one line.
        assert (code, told, lines) == (0, "", []), one.stem
        assert len(errors.splitlines()) <= (one.stem == "notify-reload")


@pytest.mark.parametrize("name", AGENTS)
def test_exposure_of_a_unit_that_runs_the_agent_is_bounded(tmp_path: Path, name: str) -> None:
    assert exposure(installed(tmp_path, name)) <= EXPOSURE


@pytest.mark.parametrize("drop_in", DROP_INS, ids=[one.stem for one in DROP_INS])
@pytest.mark.parametrize("name", AGENTS)
def test_exposure_with_a_drop_in_is_bounded(tmp_path: Path, name: str, drop_in: Path) -> None:
    # As one text: `--offline` reads the drop-ins of the units that are installed, not of one named by its path.
    unit = installed(tmp_path, name)
    unit.write_text(unit.read_text().partition("[Install]")[0] + drop_in.read_text())
    assert exposure(unit) <= EXPOSURE_WITH[drop_in.stem]


def test_both_agents_are_the_same_but_for_the_instance() -> None:
    one, instances, _ = (_lines((SHIPPED / name).read_text()) for name in AGENTS)
    differ = {line.partition("=")[0] for line in one ^ instances}
    assert differ == {"Description", "Environment", "StateDirectory", "RuntimeDirectory"}


def test_the_unit_for_once_may_do_no_more_than_the_agent() -> None:
    _, instances, once = (_lines((SHIPPED / name).read_text()) for name in AGENTS)
    differ = {line.partition("=")[0] for line in instances ^ once}
    ways_of_life = {"Type", "NotifyAccess", "RemainAfterExit", "ExecStart", "ExecReload", "TimeoutStartSec"}
    restarts = {"Restart", "RestartSec", "StartLimitIntervalSec", "WatchdogSec"}
    assert differ == {"Description"} | ways_of_life | restarts


def _lines(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and not line.startswith("#")}
