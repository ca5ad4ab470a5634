"""An operator's way: the README's smallest settings, `install-systemd`, the commands that it says, and a life after."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.system.systemd.inside import (
    LOGS,
    OUT,
    PROGRAM,
    content,
    drop_in,
    install_program,
    journal,
    messages,
    results,
    run,
    save,
    serve,
    settings,
    shown,
    store_credentials,
    systemctl,
    unit,
    until,
)  # fmt: skip

SETTINGS = """\
targets:
  my-service:
    files:
      - {path: /etc/my-service/config.yaml, group: my-service}
    reload: {systemd: my-service.service}
  environment:
    files:
      - {path: /etc/my-app/app.env, config: my-service}
    reload: {touch: /run/config-sync-stamps/stamped.service}
"""
CONSUMER = """\
[Unit]
Requires=config-sync.service
After=config-sync.service
[Service]
Type=notify
NotifyAccess=all
User=my-service
Group=my-service
EnvironmentFile=/etc/my-app/app.env
ExecStart=sh /opt/consumer.sh
ExecReload=/bin/kill -HUP $MAINPID
"""
RUNS = """\
trap "echo told; cat /etc/my-service/config.yaml" HUP
cat /etc/my-service/config.yaml
echo "has $GREETING"
systemd-notify --ready
while :; do sleep 0.05; done
"""
OTHER = "[Service]\nExecStart=sleep infinity\nExecReload=touch /run/other.told\n"


def installed() -> None:
    """From nothing to READY with what install-systemd writes and says."""
    install_program()
    Path("/opt/lib/sitecustomize.py").write_text(HANG)
    store_credentials()
    run("useradd", "--system", "--no-create-home", "my-service")
    settings("settings", SETTINGS)
    shown_first = run(PROGRAM, "install-systemd", "--print")
    results["--print writes nothing"] = [
        shown_first.returncode,
        "# /etc/systemd/system/config-sync.service\n" in shown_first.stdout,
        os.path.exists("/etc/systemd/system/config-sync.service"),
    ]
    first = run(PROGRAM, "install-systemd")
    again = run(PROGRAM, "install-systemd")
    (OUT / "install.log").write_text(first.stdout + first.stderr + again.stdout + again.stderr)
    results["install-systemd"] = [
        first.returncode,
        {line.split()[0] for line in first.stdout.splitlines()} == {"written"},
    ]
    results["and again"] = [again.returncode, {line.split()[0] for line in again.stdout.splitlines()} == {"unchanged"}]
    drop_in("config-sync.service", "[Service]\nWatchdogSec=5s\n")
    Path("/opt/consumer.sh").write_text(RUNS)
    unit("my-service.service", CONSUMER)
    drop_in("my-service.service", LOGS.format("consumer"))
    unit("other.service", OTHER)
    unit("stamped.service", OTHER.replace("other", "stamped"))
    verified = run("systemd-analyze", "verify", "--man=no", "config-sync.service")
    results["verify"] = [verified.returncode, verified.stdout, verified.stderr]
    security = run("systemd-analyze", "security", "--no-pager", "config-sync.service").stdout
    results["exposure"] = security.split("exposure level for config-sync.service: ")[-1].split()[0]
    steps = [line.strip() for line in first.stderr.partition("next:")[2].splitlines() if line.strip()]
    results["what it says to do next"] = [run("sh", "-ec", step).returncode for step in steps[:-1]]
    found = os.stat("/etc/my-service")
    results["the directory is setgid"] = oct(found.st_mode & 0o7777)


def started() -> None:
    """The consumer pulls the agent in, and starts when its files are there."""
    save_first()
    systemctl("start", "--no-block", "my-service.service")
    until("the consumer waits while the agent has nothing", lambda: shown("config-sync", "ActiveState") == "activating")
    until("and the status line says what for", lambda: "0 of 2 targets synced" in shown("config-sync", "StatusText"))
    results["the consumer then"] = [shown("my-service", "ActiveState"), os.path.exists("/etc/my-service/config.yaml")]
    serve()
    until("then both are up", lambda: shown("my-service", "ActiveState") == "active")
    results["the consumer had its files"] = content(OUT / "consumer.log")
    with open(f"/proc/{shown('config-sync', 'MainPID')}/status") as file:
        lines = dict(line.rstrip().split(":\t", 1) for line in file if ":\t" in line)
    results["capabilities"] = [int(lines[name], 16) for name in ("CapBnd", "CapEff", "CapPrm", "CapAmb")]
    results["it is the static user"] = (
        lines["Uid"].split("\t")[0] == run("id", "-u", "config-sync").stdout.strip() != "0"
    )
    found = os.stat("/etc/my-service/config.yaml")
    results["mode and group of the file"] = [
        oct(found.st_mode & 0o7777),
        str(found.st_gid) == run("id", "-g", "my-service").stdout.strip(),
    ]
    results["the token is in no environment"] = "config-service" not in run("systemctl", "show-environment").stdout


def save_first() -> None:
    Path("/srv/configs").mkdir(parents=True, exist_ok=True)
    save("my-service", {"greeting": "hello"})


def changed() -> None:
    """A change reloads exactly that unit through polkit, and wakes what waits for the stamp."""
    systemctl("start", "other", "stamped")
    save("my-service", {"greeting": "changed"})
    until("a change reloads the consumer", lambda: "told\ngreeting: changed" in content(OUT / "consumer.log"))
    until("and the stamp another", lambda: os.path.exists("/run/stamped.told"))
    results["nobody else is told"] = os.path.exists("/run/other.told")
    refused = run("setpriv", "--reuid=config-sync", "--regid=config-sync", "--clear-groups",
                  "systemctl", "--no-ask-password", "try-reload-or-restart", "other.service")  # fmt: skip
    results["the agent's user may not tell another unit"] = [refused.returncode != 0, os.path.exists("/run/other.told")]
    verb = run("setpriv", "--reuid=config-sync", "--regid=config-sync", "--clear-groups",
               "systemctl", "--no-ask-password", "stop", "my-service.service")  # fmt: skip
    results["nor stop its own"] = [verb.returncode != 0, shown("my-service", "ActiveState")]


def refused() -> None:
    """Without its rule polkit refuses: one clear sentence, and the file is right all the same."""
    rule = Path("/etc/polkit-1/rules.d/50-config-sync-my-service.rules")
    text = rule.read_text()
    rule.unlink()

    save("my-service", {"greeting": "refused"})
    until(
        "polkit's refusal is in the status line",
        lambda: "authentication required" in shown("config-sync", "StatusText"),
    )
    results["and says so"] = shown("config-sync", "StatusText")
    results["the file is there"] = "refused" in content("/etc/my-service/config.yaml")
    asked = run(PROGRAM, "reload", "my-service", "--runtime-dir", "/run/config-sync")
    results["a reload by hand"] = [asked.returncode, "polkit rule" in asked.stderr]
    rule.write_text(text)
    until("with the rule the reload is made up for", lambda: "greeting: refused" in content(OUT / "consumer.log"))


HANG = """\
import signal
import time

signal.signal(signal.SIGUSR2, lambda *_: time.sleep(3600))
"""
"""A sitecustomize (library reference, `site`): the signal makes the event loop's own thread hang, wherever it is."""


def hung() -> None:
    """A loop that hangs is ended by the watchdog, and the journal shows where it hung; systemd starts it anew."""
    before = shown("config-sync", "MainPID")
    os.kill(int(before), signal.SIGUSR2)
    until("the watchdog starts a new agent", lambda: shown("config-sync", "MainPID") not in (before, "0"))
    until("the new one is ready", lambda: shown("config-sync", "ActiveState") == "active")
    told = messages("config-sync")
    results["systemd says why"] = "Watchdog timeout" in told
    results["the journal shows where it hung"] = 'sitecustomize.py", line 4' in told.partition("Fatal Python error")[2]
    lines = [one for one in journal("config-sync") if one.get("_SYSTEMD_UNIT") == "config-sync.service"]
    logged = [one for one in lines if str(one["MESSAGE"]).startswith("{")]
    wanted = {"debug": "7", "info": "6", "warning": "4", "error": "3"}
    results["no line without its priority"] = [
        one["MESSAGE"] for one in logged if one["PRIORITY"] != wanted[json.loads(one["MESSAGE"])["level"]]
    ]
    results["failures are warnings in the journal"] = any(
        one["PRIORITY"] == "4" and "UnitForbidden" in one["MESSAGE"] for one in logged
    )


SCENARIOS = (installed, started, changed, refused, hung)
