"""From a save to what a real consumer does with it: the whole sequence, with shipped defaults.

A config is saved in the folder of ``config-sync serve``; `run` (another process) renders it for nginx and sends it a
HUP; what is measured ends with nginx's first answer by the new content, asked for again and again over new connections.
Beside it: the same file written by hand, and the same HUP, which is nginx's own part. Where nginx is not installed,
there are no such rows.

And a storm: 400 saves in ten seconds, for one target with a command hook. How many reloads that makes is the debounce's
doing (``{min: 200ms, max: 2s}``); whether the last one is of the last save is the promise.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.machine import command, environment_in
from tests.bench.table import Row, Side, percentile
from tests.lanes import on_path
from tests.service import serve_process, write_config
from tests.waiting import eventually

NOTE = (
    "save to nginx: from a rename into the folder of `serve` to nginx's first answer by it (file watch, event, fetch, "
    "fsync, HUP, nginx's own reload), changes spaced by 400 ms; the floor writes the file and signals by itself"
)
SPACING_S = 0.4
SAVES, SPAN_S = 400, 10.0

SITE = "server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{word}'; }} }}\n"
NGINX = """\
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; worker_processes 1; events {{}}
http {{
  access_log off; include {root}/conf.d/*.conf;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
}}
"""


def rows(directory: Path, count: int) -> list[Row]:
    """p50 and p95 of `count` saves until nginx serves them, and what a storm comes to."""
    found = _until_served(directory, count) if on_path("nginx") else []
    return [*found, *_storm(directory, SAVES if count > 10 else 20)]


def _until_served(directory: Path, count: int) -> list[Row]:
    root = directory / "nginx"
    (root / "conf.d").mkdir(parents=True)
    port = _free_port()
    (root / "nginx.conf").write_text(NGINX.format(root=root))
    (root / "site.j2").write_text(SITE.format(port=port, word="@").replace("@", "{{ word }}"))
    site = root / "conf.d" / "site.conf"
    files = f"files: [{{path: {site}, format: template, template: {{source: {root}/site.j2}}}}]"
    reload = f"reload: {{signal: HUP, pidfile: {root}/nginx.pid}}"
    site.write_text(SITE.format(port=port, word="0"))
    ours: list[float] = []
    floor: list[float] = []
    with _nginx(root):
        eventually(lambda: _answer(port) == "0")
        pid = int((root / "nginx.pid").read_text())
        for number in range(1, count + 2):
            began = time.monotonic()
            new = site.with_name(".new")
            new.write_text(SITE.format(port=port, word=f"by-hand-{number}"))
            new.replace(site)
            os.kill(pid, signal.SIGHUP)
            floor.append(_served(port, f"by-hand-{number}", began))
            time.sleep(SPACING_S)
        with _agent(directory, "site", f"{files}, {reload}") as configs:
            for number in range(1, count + 2):
                began = time.monotonic()
                write_config(configs, "site", {"word": f"saved-{number}"})
                ours.append(_served(port, f"saved-{number}", began))
                time.sleep(SPACING_S)
    return [
        Row(
            Side(f"save to nginx serves it, p{percent}", percentile(ours[1:], percent)),
            Side(f"write and HUP by hand, p{percent}", percentile(floor[1:], percent)),
            count,
        )
        for percent in (50, 95)
    ]


def _storm(directory: Path, saves: int) -> list[Row]:
    root = directory / "storm"
    root.mkdir()
    read = root / "read"
    hook = f"reload: {{command: [sh, -c, 'cat $0 >> {read}; echo >> {read}', '{{file}}']}}"
    with _agent(directory, "storm", f"files: [{{path: {root}/app.json}}], {hook}") as configs:
        eventually(lambda: read.exists() and read.read_text().endswith("\n"))
        time.sleep(1)  # quiet: the storm begins with a change that goes at once
        before = len(read.read_text().splitlines())
        began = time.monotonic()
        for number in range(1, saves + 1):
            write_config(configs, "storm", {"n": number})
            time.sleep(max(0.0, began + number * SPAN_S / SAVES - time.monotonic()))
        ended = time.monotonic()
        eventually(lambda: f'"n": {saves}}}' in read.read_text())
        settled_s = time.monotonic() - ended
        time.sleep(3)
        lines = [line for line in read.read_text().splitlines() if line][before:]
        last = (root / "app.json").read_text()
    is_right = lines[-1] == last and f'"n": {saves}' in last
    took_s = ended - began
    word = "final state right" if is_right else "FINAL STATE WRONG"
    return [
        Row(Side(f"{saves} saves in {took_s:.1f} s: reloads", len(lines), unit=""), None, 1),
        Row(Side(f"last save to its reload ({word})", 1000 * settled_s), None, 1),
    ]


@contextlib.contextmanager
def _agent(directory: Path, name: str, target: str) -> Iterator[Path]:
    """`serve` and `run`, each a process of its own, with one target; the folder of configs."""
    configs = directory / f"{name}-configs"
    write_config(configs, name, {"word": "first", "n": 0})
    with serve_process(configs) as service, tempfile.TemporaryDirectory(prefix="bench-") as runtime:
        settings = directory / f"{name}.yaml"
        settings.write_text(
            f"agent: {{state_dir: {directory}/{name}-state, runtime_dir: {runtime}}}\n"
            f"targets: {{{name}: {{{target}}}}}\n"
        )
        environment = environment_in(directory, **service.environment)
        words = command("run", "--config", str(settings), "--log-level", "warning")
        with subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL) as process:
            try:
                status = Path(runtime) / "status.json"
                eventually(lambda: status.exists() and '"synced"' in status.read_text())
                yield configs
            finally:
                process.terminate()


@contextlib.contextmanager
def _nginx(root: Path) -> Iterator[None]:
    words = [on_path("nginx") or "nginx", "-c", f"{root}/nginx.conf"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: (root / "nginx.pid").exists() and (root / "nginx.pid").read_text().strip())
            yield
        finally:
            process.terminate()


def _served(port: int, word: str, began: float) -> float:
    """Milliseconds from `began` to the first answer with the word."""
    while _answer(port) != word:
        if time.monotonic() - began > 30:
            raise RuntimeError(f"nginx does not serve {word}")
    return 1000 * (time.monotonic() - began)


def _answer(port: int) -> str:
    """What nginx says on a new connection; empty where nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = b"".join(iter(lambda: peer.recv(4096), b""))
    except OSError:
        return ""
    return said.partition(b"\r\n\r\n")[2].decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
