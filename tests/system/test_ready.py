"""What a service manager hears of an agent: READY=1 when the files are there, and after each reading of settings."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import serving, write_config
from tests.waiting import eventually


@dataclass
class Manager:
    """A service manager's socket, and all that it was told."""

    sock: socket.socket
    said: list[str] = field(default_factory=list)

    def heard(self, words: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append(self.sock.recv(4096).decode())
        return any(words in one for one in self.said)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield Manager(sock)


@pytest.fixture
def away(tmp_path: Path) -> tuple[Home, Path]:
    """An agent's home after a first life; the service is away now."""
    configs = tmp_path / "configs"
    write_config(configs, "app", {"greeting": "hello"})
    with serving(configs) as service:
        home = home_at(tmp_path / "h", service.url)
        home.configure(f"""\
            agent: {{offline_start: never}}
            targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}
            """)
        assert home.once().returncode == 0
    return home, tmp_path / "notify"


def test_a_file_that_is_gone_keeps_it_from_being_ready(away: tuple[Home, Path], manager: Manager) -> None:
    home, notify = away
    (home.root / "app.yaml").unlink()  # a memory file system after a reboot, say
    with home.agent(env={"NOTIFY_SOCKET": str(notify)}, is_ready=False) as agent:
        eventually(lambda: manager.heard("0 of 1 targets synced; app: "))
        assert not manager.heard("READY=1")
        startup = home.command("health", "startup")
        assert (startup.returncode, "not written yet: app" in startup.stdout + startup.stderr) == (1, True)
        assert agent.end() == 0


def test_files_that_are_there_are_enough_in_an_outage(away: tuple[Home, Path], manager: Manager) -> None:
    home, notify = away
    with home.agent(env={"NOTIFY_SOCKET": str(notify)}) as agent:
        eventually(lambda: manager.heard("READY=1"))
        assert agent.end() == 0


def test_every_reading_of_the_settings_ends_with_ready_also_of_broken_ones(
    tmp_path: Path, configs: Path, config_service: RunningService, manager: Manager
) -> None:
    write_config(configs, "app", {"greeting": "hello"})
    home = home_at(tmp_path / "h", config_service.url)
    good = f"targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}"
    home.configure(good)
    with home.agent(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}) as agent:
        eventually(lambda: manager.heard("READY=1"))
        assert manager.heard("EXTEND_TIMEOUT_USEC="), "asked for before it was ready"
        for text in ("targets: 7", good):
            manager.said.clear()
            home.configure(text)
            agent.process.send_signal(signal.SIGHUP)
            eventually(lambda: manager.heard("READY=1"))
            words = [one.split("\n")[0] for one in manager.said if one.startswith(("RELOADING", "READY"))]
            assert words == ["RELOADING=1", "READY=1"]
            (reloading,) = (one for one in manager.said if one.startswith("RELOADING=1"))
            assert reloading.split("\n")[1].startswith("MONOTONIC_USEC="), "in one datagram"
        manager.said.clear()
        eventually(lambda: manager.heard("WATCHDOG=1"))
        assert agent.end() == 0
