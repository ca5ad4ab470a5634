"""Reload kinds against what only a real machine has: other users, recycled pids, a real systemd."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed
from config_sync.model import AbsolutePath, ReloadResult
from config_sync.reloads import SystemdReload
from config_sync.stop import Stop
from tests.system import systemd_probe
from tests.system.systemd_machine import run_in_machine
from tests.unit.reloads.consumers import COUNTS, consumer, hup, order, pid_file

NOBODY = 65534


def in_its_own_process(code: str, *, before: Sequence[str] = ()) -> str:
    """What the code printed; it may use `tests.unit.reloads.consumers` and `outcome`."""
    script = (
        "import os, pathlib\nfrom config_sync.model import AbsolutePath\nfrom tests.unit.reloads.consumers import *\n"
        f"from tests.system.test_reload_kinds import outcome\n{code}"
    )
    argv = [*before, sys.executable, "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return done.stdout


def outcome(path: AbsolutePath) -> str:
    try:
        return hup(path).run(order(), Stop()).name
    except ReloadFailed as error:
        return f"{error.message} | {error.hint}"


@pytest.mark.root
def test_a_strangers_process_may_not_be_signalled_and_the_error_names_both_users(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        for directory in (tmp_path, *tmp_path.parents[:2]):
            directory.chmod(0o755)
        drop = f"os.setgroups([]); os.setresuid({NOBODY}, {NOBODY}, {NOBODY})"
        said = in_its_own_process(f"{drop}\nprint(outcome(AbsolutePath({str(path)!r})))")
        assert f"uid {NOBODY} may not send SIGHUP to process {child.pid}" in said
        assert "runs as uid 0" in said
        assert "CAP_KILL" in said
        assert child.poll() is None


@pytest.mark.root
def test_a_users_pid_file_cannot_have_root_signal_another_users_process(tmp_path: Path) -> None:
    with consumer(COUNTS) as child:
        path = pid_file(tmp_path, child.pid)
        os.chown(path, NOBODY, -1)
        with pytest.raises(ReloadFailed, match=f"belongs to uid {NOBODY}, but process {child.pid} .* as uid 0"):
            hup(path).run(order(), Stop())
    with consumer(f"os.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n{COUNTS}") as own:
        path = pid_file(tmp_path, own.pid)
        os.chown(path, NOBODY, -1)
        assert hup(path).run(order(), Stop()) is ReloadResult.RELOADED


@pytest.mark.root
def test_a_recycled_pid_is_recognised_and_the_stranger_is_left_alone(tmp_path: Path) -> None:
    with consumer(COUNTS) as former:
        pid = former.pid
        path = pid_file(tmp_path, pid)
    written_at = time.time() - 60
    os.utime(path, (written_at, written_at))
    with stranger_with_pid(pid) as stranger:
        assert "is stale: it is older than process" in outcome(path)
        assert stranger.poll() is None
        stranger.kill()


def stranger_with_pid(pid: int) -> subprocess.Popen[bytes]:
    """A process that would die of HUP, with exactly this pid: the kernel is told to count on from the one before."""
    for _ in range(500):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        child = subprocess.Popen(["/bin/sleep", "20"])
        if child.pid == pid:
            return child
        child.kill()
        child.wait()
    raise AssertionError(f"pid {pid} could not be had again")


@pytest.mark.root
def test_a_pid_file_in_memory_from_before_the_boot_means_a_stepped_clock_and_is_followed() -> None:
    code = (
        "with consumer(COUNTS) as child:\n"
        "    path = pid_file(pathlib.Path('/run'), child.pid)\n"
        "    os.utime(path, (1e6, 1e6))\n"
        "    print(outcome(path))\n"
    )
    in_memory = 'mount -t tmpfs tmpfs /run && exec "$@"'
    said = in_its_own_process(code, before=["unshare", "--mount", "sh", "-c", in_memory, "sh"])
    assert said.splitlines()[-1] == "RELOADED"
    assert "the clock must have been stepped" in said


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
    share = run_in_machine(Path(systemd_probe.__file__).read_text(), tmp_path_factory.mktemp("machine"))
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
    ],
)
def test_a_real_unit_is_told_or_needs_not_be(told: Mapping[str, list[str]], scenario: str, expected: str) -> None:
    assert told[scenario] == [expected]


@pytest.mark.root
@pytest.mark.systemd
@pytest.mark.parametrize(
    ("scenario", "says", "hints"),
    [
        pytest.param("dies", "went down by its reload", "ExecReload=", id="dies-of-HUP"),
        pytest.param("refuses", "Job for refuses.service failed", "systemctl status refuses.service", id="job-fails"),
        pytest.param("no-reload", "not applicable", "has no ExecReload=", id="cannot-reload"),
        pytest.param("unknown", "knows no unit nosuch.service", "list-units", id="unknown"),
        pytest.param("endless", "still starting after 0.5 s", "stays pending", id="never-starts"),
        pytest.param("forbidden", "authentication required", "uid 65534 needs a polkit rule", id="forbidden"),
    ],
)
def test_a_real_unit_that_cannot_be_told_says_why(
    told: Mapping[str, list[str]], scenario: str, says: str, hints: str
) -> None:
    message, hint = told[scenario]
    assert says in message
    assert hints in hint
