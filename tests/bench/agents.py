"""A running agent with one target, in a process of its own, as it is shipped: only paths and the host are set."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.emitting import Emitting
from tests.bench.machine import command, environment_in
from tests.service import KEY, TOKEN
from tests.waiting import eventually

NAME = "app"


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """Its pid, and the file it keeps."""

    pid: int
    path: Path


@contextlib.contextmanager
def running_agent(
    directory: Path, service: Emitting, *, name: str = "agent", reload: str = "null"
) -> Iterator[RunningAgent]:
    """``config-sync run``, once its file is there and its stream is open; TERM on leaving. `name`: of its folder.

    `reload` as in the settings.

    Raises:
        RuntimeError: it ended instead; carries what it said.
    """
    base = directory / name
    base.mkdir()
    path = base / "app.json"
    settings, log = directory / f"{name}.yaml", directory / f"{name}.log"
    environment = environment_in(directory, CONFIG_SERVICE_TOKEN=TOKEN, CONFIG_SERVICE_KEY=KEY)
    # The socket's path has at most 107 bytes (unix(7)): it does not stand under whatever `--dir` says.
    with tempfile.TemporaryDirectory(prefix="bench-") as runtime, log.open("wb") as said:
        settings.write_text(
            f"service:\n  host: {service.url}\n"
            f"agent:\n  state_dir: {directory}/{name}-state\n  runtime_dir: {runtime}\n"
            f"targets:\n  {NAME}:\n    reload: {reload}\n    files:\n      - {{path: {path}}}\n"
        )
        process = subprocess.Popen(
            command("run", "--config", str(settings)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )

        def is_up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the agent ended with {process.returncode}: {log.read_text()[-2000:]}")
            return path.exists() and service.hub.watchers(NAME) > 0

        with process:
            try:
                eventually(is_up, within_s=30)
                yield RunningAgent(process.pid, path)
            finally:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
