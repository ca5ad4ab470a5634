"""What the probes share inside the machine: config-sync installed, its embedded service, and looks at units.

Standard library only, and nothing of `config_sync`: the program is used as an operator uses it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

OUT = Path("/opt/cs")
"""Shared with the tests outside."""
WHERE: Mapping[str, str] = json.loads((OUT / "where.json").read_text()) if (OUT / "where.json").exists() else {}
BESIDE = Path(WHERE.get("beside", "/nonexistent"))
"""What `machine` put beside the machine: packages, units, examples."""
PYTHON = Path("/opt/python/bin") / os.path.basename(os.path.realpath(sys.executable))
PROGRAM = "/usr/local/bin/config-sync"
TOKEN, KEY = "token-of-the-machine", "0123456789abcdef" * 4
PORT = 9181
CONFIGS = Path("/srv/configs")
LOGS = "[Service]\nStandardOutput=append:/opt/cs/{0}.log\nStandardError=append:/opt/cs/{0}.log\n"

results: dict[str, object] = {}


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return run("systemctl", *words)


def shown(unit: str, name: str) -> str:
    return systemctl("show", "-P", name, unit).stdout.strip()


def wait(predicate: Callable[[], bool], within_s: float = 60.0) -> bool:
    """Wait for a condition; whether it came."""
    deadline = time.monotonic() + within_s
    while not (came := predicate()) and time.monotonic() < deadline:
        time.sleep(0.1)  # each look is a process
    return came


def until(what: str, predicate: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait for a condition; whether it came is a result."""
    results[what] = wait(predicate, within_s)


def save(name: str, document: Mapping[str, object]) -> None:
    temp = CONFIGS / f".{name}.new"
    temp.write_text(json.dumps(document))
    temp.replace(CONFIGS / f"{name}.json")


def content(path: str | Path) -> str:
    return Path(path).read_text() if os.path.exists(path) else ""


def unit(name: str, text: str) -> None:
    Path(f"/etc/systemd/system/{name}").write_text(text)


def drop_in(name: str, text: str) -> None:
    directory = Path(f"/etc/systemd/system/{name}.d")
    directory.mkdir(exist_ok=True)
    number = len(list(directory.iterdir()))
    (directory / f"90-{number}.conf").write_text(text)


def journal(name: str) -> list[Mapping[str, str]]:
    """The unit's entries so far, with their fields."""
    run("journalctl", "--sync")
    told = run("journalctl", "--no-pager", "-o", "json", "-u", name)
    return [json.loads(line) for line in told.stdout.splitlines()]


def messages(name: str) -> str:
    return "\n".join(str(one.get("MESSAGE")) for one in journal(name))


def install_program() -> None:
    """The command, with a wrapper in place of a virtual environment."""
    Path("/opt/python").mkdir()
    subprocess.run(["mount", "--bind", WHERE["prefix"], "/opt/python"], check=True)
    shutil.copytree(BESIDE / "lib", "/opt/lib")
    program = Path(PROGRAM)
    program.unlink(missing_ok=True)
    environment = "PYTHONPATH=/opt/lib PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/opt/python/lib"
    program.write_text(f'#!/bin/sh\nexec env {environment} {PYTHON} -m config_sync "$@"\n')
    program.chmod(0o755)
    os.makedirs("/etc/config-sync", exist_ok=True)


def store_credentials() -> None:
    os.makedirs("/etc/credstore", mode=0o700, exist_ok=True)
    for name, secret in (("token", TOKEN), ("key", KEY)):
        path = Path(f"/etc/credstore/config-service-{name}")
        path.touch(mode=0o600)
        path.write_text(secret + "\n")


def serve(*, token: str = TOKEN) -> subprocess.Popen[bytes]:
    """The embedded service over CONFIGS; it answers when this returns."""
    CONFIGS.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CONFIG_SERVICE_TOKEN": token, "CONFIG_SERVICE_KEY": KEY}
    with open(OUT / "serve.log", "a") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", CONFIGS, "--listen", f"127.0.0.1:{PORT}"], env=environment, stdout=log, stderr=log
        )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", PORT)) == 0

    until("the embedded service answers", answers)
    return process


def settings(name: str, text: str) -> None:
    host = f"service: {{host: 'http://127.0.0.1:{PORT}'}}\n"
    Path(f"/etc/config-sync/{name}.yaml").write_text(("" if text.startswith("service:") else host) + text)


def main(*scenarios: Callable[[], None]) -> None:
    """Each scenario, and what was found so far even where one of them breaks."""
    try:
        for scenario in scenarios:
            scenario()
    finally:
        (OUT / "results.json").write_text(json.dumps(results))
