"""What the network tests share: one target with short waits, ports that stay free, and what the agent tells."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.program import Home
from tests.waiting import eventually

NAME = "app"
WAITS: Mapping[str, str] = {
    "connect_timeout": "2s",
    "request_timeout": "5s",
    "idle_timeout": "3s",
    "resync": "1h",
    "retry": "{first: 100ms, max: 500ms}",
    "reconnect": "{first: 300ms, max: 1s}",
}
"""Short, but for the resync: where that is not to help, a change must come by a stream or by a reconnect."""


def settings_of(home: Home, **service: str) -> str:
    """One target whose every publish leaves a line in `published`; keys of `service` win over `WAITS`."""
    lines = "".join(f"  {key}: {value}\n" for key, value in {**WAITS, **service}.items())
    hook = f"[sh, -c, 'echo published >> {home.root}/published']"
    return (
        f"service:\n{lines}targets:\n  {NAME}:\n    files: [{{path: {file_of(home)}}}]\n"
        f"    reload: {{command: {hook}}}\n"
    )


def file_of(home: Home) -> Path:
    """The one file the agent keeps."""
    return home.root / "app.json"


def number_in(home: Home) -> object:
    """The member ``n`` of what is on disk; None where there is nothing. Fails the test where the file is not whole."""
    try:
        found: object = json.loads(file_of(home).read_bytes())
    except FileNotFoundError:
        return None
    assert isinstance(found, dict)
    return found.get("n")


def publishes(home: Home) -> int:
    """How often the file was published, by its consumer's own count."""
    try:
        return (home.root / "published").read_text().count("\n")
    except FileNotFoundError:
        return 0


def until_number(home: Home, number: int, *, within_s: float = 60.0) -> None:
    """Wait until the file has the number."""

    def arrived() -> bool:
        return number_in(home) == number

    arrived.__doc__ = f"{number} in the file"
    eventually(arrived, within_s=within_s)


def until_published(home: Home, count: int, *, within_s: float = 60.0) -> None:
    """Wait until the file was published so often, and its consumer was told of each."""

    def told() -> bool:
        return publishes(home) == count

    told.__doc__ = f"{count} publishes"
    eventually(told, within_s=within_s)


def is_connected(home: Home) -> bool:
    """What the status file says of the streams."""
    service = home.status().get("service")
    return isinstance(service, dict) and service.get("connected") is True


def condition(home: Home, kind: str) -> Mapping[str, object]:
    """The target's condition of that type; empty where it is not known."""
    found = home.target(NAME).get("conditions", [])
    assert isinstance(found, list)
    return next((one for one in found if one["type"] == kind), {})


def error_of(home: Home) -> Mapping[str, object]:
    """What the status file says is wrong with the target; empty where nothing is."""
    found = home.target(NAME).get("error") or {}
    assert isinstance(found, dict)
    return found


def lasting_port() -> int:
    """A free port below those that the kernel gives to outgoing connections (ip(7)): it stays free for a restart."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as words:
        below = int(words.read().split()[0])
    for _ in range(100):
        port = random.randrange(max(1024, below // 2), below)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
