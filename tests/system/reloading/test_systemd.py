"""Units of a real systemd, told by the kinds `systemd` and `signal`; and path units that a stamp wakes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed
from config_sync.reloads import SystemdReload
from config_sync.stop import Stop
from tests.system import systemd_probe
from tests.system.systemd_machine import run_in_machine
from tests.unit.reloads.consumers import order


def test_without_systemctl_the_error_says_what_else_to_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReloadFailed, match="systemctl was not found in PATH") as caught:
        SystemdReload("nginx.service").run(order(), Stop())
    assert "use `signal` or `command`" in (caught.value.hint or "")


@pytest.mark.systemd
@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd runs on this machine")
def test_without_a_manager_the_error_says_what_else_to_use() -> None:
    with pytest.raises(ReloadFailed, match="not been booted with systemd") as caught:
        SystemdReload("nginx.service").run(order(), Stop())
    assert "use `signal` or `command`" in (caught.value.hint or "")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """What each unit's reload came to, inside a machine with a real systemd."""
    unit = (Path(__file__).parents[3] / "systemd" / "config-sync-hook@.service").read_text()
    script = Path(systemd_probe.__file__).read_text().replace('HOOK_UNIT = ""', f"HOOK_UNIT = {unit!r}")
    share = run_in_machine(script, tmp_path_factory.mktemp("machine"), within_s=120)
    assert (share / "results.json").exists(), (share / "log").read_text() if (share / "log").exists() else "no boot"
    found: dict[str, list[str]] = json.loads((share / "results.json").read_text())
    return found


@pytest.mark.root
@pytest.mark.systemd
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        pytest.param("good", "RELOADED", id="reloads"),
        pytest.param("forced", "RELOADED", id="an-operator-asked"),
        pytest.param("current", "ALREADY_CURRENT", id="started-after-the-write"),
        pytest.param("current-told", "0", id="and-was-not-told"),
        pytest.param("good-told", "2", id="one-signal-each"),
        pytest.param("plain", "RELOADED", id="restarted-without-ExecReload"),
        pytest.param("plain-restarted", "True", id="and-is-a-new-process"),
        pytest.param("starting", "RELOADED", id="starting-is-waited-for"),
        pytest.param("starting-told", "True", id="and-then-told"),
        pytest.param("crashing", "WAITING_FOR_CONSUMER", id="waits-for-its-restart"),
        pytest.param("idle", "WAITING_FOR_CONSUMER", id="inactive"),
        pytest.param("idle-state", "inactive", id="and-not-started"),
        pytest.param("failed-try", "WAITING_FOR_CONSUMER", id="failed"),
        pytest.param("failed-restart", "RELOADED", id="failed-and-restart-asked"),
        pytest.param("failed-state", "active", id="and-runs-again"),
        pytest.param("own", "OWN_UNIT", id="our-own"),
        pytest.param("signal", "RELOADED", id="signal-to-the-main-process"),
        pytest.param("signal-told", "3", id="and-to-it-alone"),
        pytest.param("signal-current", "ALREADY_CURRENT", id="signal-started-after-the-write"),
        pytest.param("signal-idle", "WAITING_FOR_CONSUMER", id="signal-inactive"),
        pytest.param("signal-crashing", "WAITING_FOR_CONSUMER", id="signal-waits-for-its-restart"),
        pytest.param("signal-own", "OWN_UNIT", id="signal-our-own"),
        pytest.param("signal-spared", "active", id="signal-that-would-kill-was-not-sent"),
        pytest.param("stamp", "RELOADED", id="stamp"),
        pytest.param("stamp-woke", "True", id="and-the-path-unit-woke"),
        pytest.param("hook-burst", "RELOADED", id="a-burst-of-hooks-meets-no-start-limit"),
        pytest.param("hook-burst-told", str(systemd_probe.BURST), id="and-each-of-them-ran"),
        pytest.param("hook-fails-told", str(systemd_probe.BURST), id="nor-does-a-burst-of-failures"),
        pytest.param("hook-cured", "RELOADED", id="hook-after-a-failure"),
    ],
)
def test_a_real_unit_is_told_or_needs_not_be(told: Mapping[str, list[str]], scenario: str, expected: str) -> None:
    assert told[scenario] == [expected]


@pytest.mark.root
@pytest.mark.systemd
@pytest.mark.parametrize(
    ("scenario", "says", "hints", "reason"),
    [
        pytest.param("dies", "went down by its reload", "ExecReload=", "ConsumerDied", id="dies-of-HUP"),
        pytest.param(
            "refuses",
            "Job for refuses.service failed",
            "systemctl status refuses.service",
            "UnitFailed",
            id="job-fails",
        ),
        pytest.param("no-reload", "not applicable", "has no ExecReload=", "UnitCannotReload", id="cannot-reload"),
        pytest.param("unknown", "knows no unit nosuch.service", "list-units", "UnitUnknown", id="unknown"),
        pytest.param("endless", "still starting after 0.5 s", "stays pending", "UnitStarting", id="never-starts"),
        pytest.param(
            "signal-deadly", "does not handle SIGHUP", "another signal", "SignalUnhandled", id="signal-that-would-kill"
        ),
        pytest.param(
            "signal-none",
            "has no main process",
            "`pidfile`, `exe` or `cmdline`",
            "ConsumerUnknown",
            id="signal-no-main-process",
        ),
        pytest.param(
            "signal-unknown", "knows no unit nosuch.service", "list-units", "UnitUnknown", id="signal-unknown"
        ),
        pytest.param(
            "signal-elsewhere",
            "there is none with that number",
            "PID namespace",
            "ConsumerUnknown",
            id="signal-elsewhere",
        ),
        pytest.param(
            "forbidden", "authentication required", "uid 65534 needs a polkit rule", "UnitForbidden", id="forbidden"
        ),
        pytest.param(
            "hook-fails",
            "Job for config-sync-hook@fails.service failed",
            "journalctl -u",
            "UnitFailed",
            id="hook-fails",
        ),
        pytest.param("hook-missing", "config-sync-hook@missing.service failed", "status", "UnitFailed", id="no-hook"),
        pytest.param("hook-forbidden", "authentication required", "polkit rule", "UnitForbidden", id="hook-forbidden"),
    ],
)
def test_a_real_unit_that_cannot_be_told_says_why(
    told: Mapping[str, list[str]], scenario: str, says: str, hints: str, reason: str
) -> None:
    message, hint, why = told[scenario]
    assert says in message
    assert hints in hint
    assert why == reason


@pytest.mark.root
@pytest.mark.systemd
def test_of_a_hook_nobody_says_that_an_old_process_goes_on(told: Mapping[str, list[str]]) -> None:
    assert "goes on" not in told["hook-fails"][1]
