"""Figures of the health and metrics server: memory that it adds, and a scrape of a thousand targets.

``python -m tests.bench.listening``; the agent's memory is that of a real process with one target.
"""

from __future__ import annotations

import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, Digest, FileSpec, Outcome, Record, Result, Target
from config_sync.status import Board, Linked, metrics
from config_sync.status.exposition import exposition
from config_sync.status.gauges import StreamSeen, gauges
from config_sync.status.meters import Meters
from config_sync.webserver.page import status_page
from tests.fakes import HandClock
from tests.program import home_at
from tests.service import serving, write_config
from tests.waiting import eventually

TARGETS = 1000
ROUNDS = 9


def main() -> None:
    """Print the figures."""
    _scrape()
    plain, listening, asked = (_rss_kib(listen=one) for one in (None, "idle", "asked"))
    print(
        f"resident memory: {plain} KiB without listen, +{listening - plain} KiB with, +{asked - plain} KiB once asked"
    )


def _scrape() -> None:
    clock, meters = HandClock(), Meters()
    board = Board(clock, stale_after_s=900.0)
    streams: dict[str, StreamSeen] = {}
    for number in range(TARGETS):
        name = f"service-{number}"
        path = AbsolutePath(f"/etc/{name}/config.json")
        record = Record(written={path: Digest("a")}, reloaded={path: Digest("a")}, version=number)
        board.expect(Target(name, (FileSpec(path, ConfigRef(ConfigName(name)), JsonFormat()),)), record)
        board.link(name, Linked(True, "StreamLive", "open", 0.0))
        board.settled(Outcome(name, Result.UNCHANGED, "InSync", 0.01), record)
        meters.count(metrics.SYNCS, name, "unchanged", "InSync")
        meters.count(metrics.SYNCS, name, "changed", "Outdated")
        meters.count(metrics.RELOADS, name, "systemd", "Reloaded")
        streams[name] = StreamSeen(True, 1.0)
    took: dict[str, list[float]] = {"scrape": [], "page": []}
    size = 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        size = len(exposition(meters, gauges(board.statuses(), streams)))
        took["scrape"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        status_page(board.statuses(), board.links(), host=None, version="1", now=0.0)
        took["page"].append(time.perf_counter() - begun)
    shown = {what: f"{statistics.median(times) * 1000:.1f} ms" for what, times in took.items()}
    print(f"{TARGETS} targets: a scrape {shown['scrape']} for {size} bytes, the page {shown['page']}")
    begun = time.perf_counter()
    for _ in range(100_000):
        meters.count(metrics.SYNCS, "service-1", "unchanged", "InSync")
    print(f"one count: {(time.perf_counter() - begun) * 10:.2f} us")


def _rss_kib(*, listen: str | None) -> int:
    """Of an agent that is in sync; "asked": each endpoint was asked once."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        write_config(root / "configs", "app", {"v": 1})
        with serving(root / "configs") as service:
            home = home_at(root / "h", service.url)
            path = home.root / "web.sock"
            agent_section = f'agent: {{listen: "unix:{path}"}}\n' if listen else ""
            home.configure(f"{agent_section}targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}\n")
            with home.agent() as agent:
                eventually(lambda: home.target("app").get("state") == "synced")
                if listen:
                    eventually(path.exists)
                if listen == "asked":
                    for target in ("/livez", "/metrics", "/status", "/"):
                        _ask(path, target)
                pages = int(Path(f"/proc/{agent.pid}/statm").read_text().split()[1])
                return pages * os.sysconf("SC_PAGESIZE") // 1024


def _ask(path: Path, target: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(str(path))
        made.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while made.recv(65536):
            pass


if __name__ == "__main__":
    main()
