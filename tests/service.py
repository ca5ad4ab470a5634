"""The embedded Config Service for tests: in this process, or as a real `config-sync serve`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config_sync.devserver.server import RunningService, start
from config_sync.model import EncryptionKey, Secret

TOKEN = "token-of-the-tests"
KEY = "0123456789abcdef" * 4


def write_config(directory: Path, name: str, content: object, *, environment: str | None = None) -> Path:
    """Put a config into the folder of a service, atomically. `name` may carry a suffix (default ``.json``).

    Bytes and text go in as they are, anything else as JSON.
    """
    folder = directory / environment if environment else directory
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name if Path(name).suffix in (".json", ".yaml", ".yml") else f"{name}.json")
    match content:
        case bytes():
            raw = content
        case str():
            raw = content.encode()
        case _:
            raw = json.dumps(content).encode()
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(raw)
    temporary.replace(path)
    return path


def serving(directory: Path, *, keep_alive_s: float = 15.0, token: str = TOKEN, key: str = KEY) -> RunningService:
    """A service over the folder in a thread of this process; stop it, or use it in a ``with``."""
    return start(directory, token=Secret(token), key=EncryptionKey(key), keep_alive_s=keep_alive_s)


@dataclass(frozen=True, slots=True)
class ServedProcess:
    """A running `config-sync serve` and the three variables it printed."""

    process: subprocess.Popen[str]
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.environment["CONFIG_SERVICE_HOST"]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal it and wait: the exit code and all it wrote to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@contextlib.contextmanager
def serve_process(directory: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[ServedProcess]:
    """``config-sync serve DIR`` on a free port, once it answers; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "config_sync", "serve", str(directory), "--listen", "127.0.0.1:0", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**_without_service(os.environ), **(env or {})},
    )
    with process:
        try:
            yield ServedProcess(process, _exports(process))
        finally:
            if process.poll() is None:
                process.kill()


def _exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """The variables from the three lines on stdout; fails the test with stderr if it ends before."""
    assert process.stdout is not None
    assert process.stderr is not None
    found: dict[str, str] = {}
    while len(found) < 3:
        line = process.stdout.readline()
        assert line, f"serve ended early: {process.stderr.read()}"
        match = re.fullmatch(r"export (CONFIG_SERVICE_\w+)=(.*)\n", line)
        assert match is not None, line
        found[match[1]] = match[2]
    return found


def _without_service(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("CONFIG_SERVICE_")}
