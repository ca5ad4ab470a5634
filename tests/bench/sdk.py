"""The SDK beside the published one, in the same run and against the same service."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tests.bench.machine import environment_in
from tests.bench.table import Row, Side, median
from tests.bench.timing import Measured, in_turn
from tests.service import serve_process, write_config

NOTE = (
    "sdk: import and first get are whole programs (the published one imports half of what it needs with its first "
    "client); `get` of a config of 2 KB into a dict, plain http, kept connection, the service in a process of its own; "
    "loads by 8 threads; resident memory that 100 open watches add to a program, a thread each (ours; published)"
)

PACKAGES = ("config_sync", "config_client")
THREADS = 8
WATCHES = 100
_LOADING_S = 0.5

FIRST_GET = """
import sys
import {package} as sdk

with sdk.ConfigClient(sdk.Options(*sys.argv[1:4])) as client:
    client.get("app", dict)
"""

WATCHING = """
import sys, threading, time
import {package} as sdk

client = sdk.ConfigClient(sdk.Options(*sys.argv[1:4]))
client.get("app", dict)

def rss():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

before = rss()
for _ in range({watches}):
    threading.Thread(target=client.watch, args=("app", print), daemon=True).start()
time.sleep(3)
print(rss() - before)
"""


def rows(directory: Path, count: int) -> list[Row]:
    """Import, `get`, `Snapshot.load` and watches: ours, beside the published SDK's."""
    environment = environment_in(directory)
    configs = directory / "configs-of-sdk"
    write_config(configs, "app", {f"key-{number}": "x" * 10 for number in range(80)})
    with serve_process(configs) as service:
        told = service.environment
        where = (told["CONFIG_SERVICE_HOST"], told["CONFIG_SERVICE_TOKEN"], told["CONFIG_SERVICE_KEY"])
        return [
            *_processes(where, environment, max(2, count // 10)),
            *_gets(where, count),
            _throughput(where, count),
            _loads(),
            _memory(where, environment),
        ]


def _processes(where: tuple[str, str, str], environment: Mapping[str, str], count: int) -> list[Row]:
    """Whole programs, start to exit."""
    programs = (
        ("import config_sync", "import config_sync"),
        ("import ConfigClient", "from config_sync import ConfigClient"),
        ("the same, published", "from config_client import ConfigClient"),
        ("first get", FIRST_GET.format(package="config_sync")),
        ("the same, published", FIRST_GET.format(package="config_client")),
    )
    measured = [Measured(name, [sys.executable, "-c", code, *where], environment) for name, code in programs]
    bare, ours, published, first, first_published = (one.side() for one in in_turn(measured, count))
    return [Row(bare, published, count), Row(ours, published, count), Row(first, first_published, count)]


def _gets(where: tuple[str, str, str], count: int) -> list[Row]:
    clients = [_client(name, where) for name in PACKAGES]
    taken: list[list[float]] = [[], []]
    for number in range(count + 5):
        for client, times in zip(clients, taken, strict=True):
            began = time.perf_counter()
            _get(client)
            if number >= 5:
                times.append(time.perf_counter() - began)
    for client in clients:
        _close(client)
    ours, published = (
        Side(name, 1000 * median(times)) for name, times in zip(("get", "get, published"), taken, strict=True)
    )
    return [Row(ours, published, count)]


def _throughput(where: tuple[str, str, str], count: int) -> Row:
    sides = []
    for name, told in zip(PACKAGES, (f"get, {THREADS} threads", "the same, published"), strict=True):
        client = _client(name, where)
        _get(client)
        each = max(1, count // 4)
        began = time.perf_counter()
        _in_threads(lambda client=client, each=each: [_get(client) for _ in range(each)])  # type: ignore[misc]
        sides.append(Side(told, THREADS * each / (time.perf_counter() - began), "/s"))
        _close(client)
    return Row(sides[0], sides[1], max(1, count // 4) * THREADS)


def _loads() -> Row:
    sides = []
    for name, told in zip(PACKAGES, (f"load, {THREADS} threads", "the same, published"), strict=True):
        snapshot = import_module(name).Snapshot()
        snapshot.store({"a": 1})
        counts: list[int] = []
        until = time.perf_counter() + _LOADING_S

        def load(snapshot: object = snapshot, counts: list[int] = counts, until: float = until) -> None:
            loading: Callable[[], object] = getattr(snapshot, "load")  # noqa: B009  # of either package
            done = 0
            while time.perf_counter() < until:
                for _ in range(1000):
                    loading()
                done += 1000
            counts.append(done)

        _in_threads(load)
        sides.append(Side(told, sum(counts) / _LOADING_S / 1e6, "M/s"))
    return Row(sides[0], sides[1], 1)


def _memory(where: tuple[str, str, str], environment: Mapping[str, str]) -> Row:
    sides = []
    for name, told in zip(PACKAGES, (f"{WATCHES} watches", f"{WATCHES} watches, published"), strict=True):
        done = subprocess.run(
            [sys.executable, "-c", WATCHING.format(package=name, watches=WATCHES), *where],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        sides.append(Side(told, int(done.stdout) * 1024 / 1e6, "MB"))
    return Row(sides[0], sides[1], 1)


def _in_threads(work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def _client(package: str, where: tuple[str, str, str]) -> object:
    sdk: ModuleType = import_module(package)
    made: object = sdk.ConfigClient(sdk.Options(*where))
    return made


def _get(client: object) -> object:
    get: Callable[[str, type[dict[str, object]]], object] = getattr(client, "get")  # noqa: B009  # of either package
    return get("app", dict)


def _close(client: object) -> None:
    close: Callable[[], None] = getattr(client, "close")  # noqa: B009  # of either package
    close()
