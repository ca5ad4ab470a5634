"""Runs inside `systemd_machine` as ``probe.service``: real units, told by the real kind; leaves ``results.json``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from config_sync.errors import ReloadFailed
from config_sync.model import AbsolutePath, Reload, ReloadOrder
from config_sync.reloads import SignalReload, SystemdReload, TouchReload
from config_sync.reloads.main_process import ByUnit
from config_sync.stop import Stop

HUP = "ExecReload=/bin/kill -HUP $MAINPID"
UNITS = {
    "good": f"Type=notify\nNotifyAccess=all\nExecStart=/bin/sh /run/counts\n{HUP}",
    "dies": f"ExecStart=/bin/sleep 1000\n{HUP}",
    "plain": "ExecStart=/bin/sleep 1000",
    "refuses": "ExecStart=/bin/sleep 1000\nExecReload=/bin/false",
    "slow": "Type=forking\nExecStartPre=/bin/sleep 1\nExecStart=/bin/sh -c 'sleep 1000 &'\n"
    "ExecReload=/bin/touch /run/slow.told",
    "endless": "ExecStartPre=/bin/sleep 1000\nExecStart=/bin/true",
    "crashing": "ExecStart=/bin/false\nRestart=always\nRestartSec=1000",
    "failed": "ExecStart=/bin/sh -c 'test -e /run/cured && exec sleep 1000'",
    "idle": "ExecStart=/bin/sleep 1000",
    "headless": "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true",
    "woken": "Type=oneshot\nExecStart=/bin/touch /run/woken",
}
COUNTS = (
    "touch /run/good.told; trap 'printf x >>/run/good.told' HUP; systemd-notify --ready; while :; do sleep 0.02; done"
)
HOOK_UNIT = ""
"""The text of systemd/config-sync-hook@.service, put here by the test: the machine may not see the checkout."""
BURST = 20
"""More starts than systemd allows a unit by default (5 in 10 s: DefaultStartLimitBurst=, systemd-system.conf(5))."""
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
FILES = (AbsolutePath("/etc/app/config.yaml"),)


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False).stdout.strip()


def order(*, written_at: float | None = None, forced: bool = False) -> ReloadOrder:
    moment = time.time() if written_at is None else written_at
    return ReloadOrder("app", FILES, FILES, "outdated", written_at=moment, forced=forced)


def tell(reload: Reload, told: ReloadOrder) -> list[str]:
    """The result's name, or the error's message, hint and reason."""
    try:
        return [reload.run(told, Stop()).name]
    except ReloadFailed as error:
        return [error.message, error.hint or "", error.reason]


def until_told(times: int) -> None:
    """Wait until the shell has noted so many signals: its trap runs when its sleep ends; two at once count as one."""
    for _ in range(3000):
        if os.path.getsize("/run/good.told") >= times:
            return
        time.sleep(0.02)


def as_nobody(act: Callable[[], list[str]]) -> list[str]:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.write(write_end, json.dumps(act()).encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    found: list[str] = json.loads(text)
    return found


def signals(results: dict[str, list[str]]) -> None:
    """The kind `signal` by unit, and a stamp."""

    def hup(name: str, unit: str, told: ReloadOrder | None = None) -> None:
        results[name] = tell(SignalReload(signal.SIGHUP, ByUnit(f"{unit}.service")), told or order())

    systemctl("start", "dies")
    hup("signal-current", "good", order(written_at=time.time() - 3600))
    hup("signal", "good")
    until_told(3)
    results["signal-told"] = [str(os.path.getsize("/run/good.told"))]
    hup("signal-idle", "idle")
    hup("signal-crashing", "crashing")
    hup("signal-own", "probe")
    hup("signal-deadly", "dies")
    results["signal-spared"] = [systemctl("is-active", "dies")]
    hup("signal-none", "headless")
    hup("signal-unknown", "nosuch")
    results["signal-elsewhere"] = in_another_pid_namespace()
    results["stamp"] = tell(TouchReload(AbsolutePath("/run/stamp")), order())
    for _ in range(3000):
        if os.path.exists("/run/woken"):
            break
        time.sleep(0.02)
    results["stamp-woke"] = [str(os.path.exists("/run/woken"))]


def hooks(results: dict[str, list[str]]) -> None:
    """The shipped unit for hooks, started for a reload, as its own comment says."""
    os.makedirs("/etc/config-sync/hooks", exist_ok=True)
    with open("/run/systemd/system/config-sync-hook@.service", "w") as file:
        file.write(HOOK_UNIT)
    systemctl("daemon-reload")

    def hook(name: str, script: str | None) -> Reload:
        if script is not None:
            with open(f"/etc/config-sync/hooks/{name}", "w") as file:
                file.write(f"#!/bin/sh\n{script}\n")
            os.chmod(file.name, 0o755)
        return SystemdReload(f"config-sync-hook@{name}.service", "start")

    notes = hook("notes", "printf x >>/run/hook.told")
    results["hook-burst"] = sorted({word for _ in range(BURST) for word in tell(notes, order())})
    results["hook-burst-told"] = [str(os.path.getsize("/run/hook.told"))]
    # One that failed stays loaded, and with it the count of its starts; one that ended well may be forgotten.
    failing = hook("fails", "printf x >>/run/failed.told; exit 3")
    results["hook-fails"] = [tell(failing, order()) for _ in range(BURST)][-1]
    results["hook-fails-told"] = [str(os.path.getsize("/run/failed.told"))]
    results["hook-cured"] = tell(hook("fails", "exit 0"), order())
    results["hook-missing"] = tell(hook("missing", None), order())
    results["hook-forbidden"] = as_nobody(lambda: tell(notes, order()))


def in_another_pid_namespace() -> list[str]:
    """What an agent says that speaks with this systemd, by D-Bus as any user may, and sees none of its processes."""
    code = (
        "import probe, json, signal; print(json.dumps(probe.tell("
        "probe.SignalReload(signal.SIGHUP, probe.ByUnit('good.service')), probe.order())))"
    )
    argv = ["unshare", "--pid", "--fork", "--mount-proc", *AS_NOBODY, sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/opt/cs")
    found: list[str] = json.loads(done.stdout or '["' + "no word" + '", ""]')
    return found


def main() -> None:
    for name, lines in UNITS.items():
        with open(f"/run/systemd/system/{name}.service", "w") as file:
            file.write(f"[Service]\n{lines}\n")
    with open("/run/counts", "w") as file:
        file.write(COUNTS)
    with open("/run/systemd/system/woken.path", "w") as file:
        file.write("[Path]\nPathChanged=/run/stamp\n")
    systemctl("daemon-reload")
    systemctl("start", "good", "dies", "plain", "refuses", "crashing", "failed", "headless", "woken.path")
    systemctl("start", "--no-block", "slow", "endless")
    results: dict[str, list[str]] = {}

    def record(name: str, unit: str, action: str = "try-reload-or-restart", told: ReloadOrder | None = None) -> None:
        results[name] = tell(SystemdReload(f"{unit}.service", action), told or order())

    plain_before = systemctl("show", "-P", "MainPID", "plain")
    record("starting", "slow")
    results["starting-told"] = [str(os.path.exists("/run/slow.told"))]
    results["endless"] = tell(SystemdReload("endless.service", starting_s=0.5), order())
    record("current", "good", told=order(written_at=time.time() - 3600))
    results["current-told"] = [str(os.path.getsize("/run/good.told"))]
    record("good", "good")
    until_told(1)
    record("forced", "good", told=order(written_at=time.time() - 3600, forced=True))
    until_told(2)
    results["good-told"] = [str(os.path.getsize("/run/good.told"))]
    record("plain", "plain")
    results["plain-restarted"] = [str(systemctl("show", "-P", "MainPID", "plain") != plain_before)]
    record("no-reload", "plain", "reload")
    record("dies", "dies", "reload")
    record("refuses", "refuses")
    record("crashing", "crashing")
    record("idle", "idle", "restart")
    results["idle-state"] = [systemctl("is-active", "idle")]
    record("failed-try", "failed")
    with open("/run/cured", "w"):
        pass
    record("failed-restart", "failed", "restart")
    results["failed-state"] = [systemctl("is-active", "failed")]
    record("unknown", "nosuch")
    record("own", "probe")
    results["forbidden"] = as_nobody(lambda: tell(SystemdReload("good.service"), order()))
    signals(results)
    hooks(results)
    with open("/opt/cs/results.json", "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main()
