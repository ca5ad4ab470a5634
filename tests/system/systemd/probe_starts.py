"""How long `systemctl start` takes: config-sync.service with one target, and a unit that is ready at once."""

from __future__ import annotations

import time
from pathlib import Path

from tests.system.systemd.inside import (
    PROGRAM,
    WHERE,
    install_program,
    results,
    run,
    save,
    serve,
    settings,
    store_credentials,
    systemctl,
    unit,
)

SETTINGS = "targets: {my-service: {files: [{path: /etc/my-service/config.yaml}]}}\n"
NOTHING = "[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c 'systemd-notify --ready; exec sleep infinity'\n"


def taken(name: str) -> float:
    begun = time.monotonic()
    assert systemctl("start", name).returncode == 0
    return time.monotonic() - begun


def measure() -> None:
    """In turn, after a warm-up; each agent finds its file gone, and writes it anew."""
    install_program()
    store_credentials()
    Path("/srv/configs").mkdir()
    save("my-service", {"greeting": "hello"})
    serve()
    settings("settings", SETTINGS)
    run(PROGRAM, "install-systemd")
    unit("nothing.service", NOTHING)
    for words in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"], ["systemctl", "daemon-reload"]):
        run(*words)
    found: dict[str, list[float]] = {"agent": [], "check": [], "nothing": []}
    for turn in range(int(WHERE["count"]) + 1):
        of_agent = taken("config-sync")
        of_nothing = taken("nothing")
        begun = time.monotonic()
        run(PROGRAM, "check")
        of_check = time.monotonic() - begun
        systemctl("stop", "config-sync", "nothing")
        Path("/etc/my-service/config.yaml").unlink()
        if turn:
            found["agent"].append(of_agent)
            found["check"].append(of_check)
            found["nothing"].append(of_nothing)
    results.update(found)


SCENARIOS = (measure,)
