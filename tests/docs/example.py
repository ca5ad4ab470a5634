"""An example on this machine: its files with every root (``/etc``, ``/run`` …) moved below a temporary directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config_sync.devserver.server import RunningService
from tests.lanes import SBIN
from tests.waiting import eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

_ROOTED = re.compile(r"(?<![\w/.])/(etc|run|config|credentials)(?=/)")
"""The start of a path that an example means on the reader's machine."""


@dataclass(frozen=True)
class Example:
    """`name` is the folder below ``examples/``; `root` stands for ``/`` in what it says."""

    name: str
    root: Path
    service: RunningService

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return EXAMPLES / self.name

    @property
    def environment(self) -> Mapping[str, str]:
        """A shell that has the service's exports."""
        return {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:{SBIN}",
            "STATE_DIRECTORY": str(self.root / "state"),
            "RUNTIME_DIRECTORY": str(self.root / "runtime"),
            **self.service.environment,
        }

    def moved(self, text: str) -> str:
        """The text with every path below the root."""
        return _ROOTED.sub(lambda found: f"{self.root}/{found[1]}", text)

    def path(self, absolute: str) -> Path:
        """The path that the example calls `absolute`, its directory made."""
        moved = Path(self.moved(absolute))
        moved.parent.mkdir(parents=True, exist_ok=True)
        return moved

    def settings(self, name: str = "settings.yaml") -> Path:
        """Its settings, moved."""
        path = self.root / name
        path.write_text(self.moved((self.folder / name).read_text(encoding="utf-8")), encoding="utf-8")
        return path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "config_sync", *words],
            env=dict(self.environment),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def agent(self, *words: str) -> Iterator[Path]:
        """``config-sync WORDS run`` until the end of the block, once its streams are open; its log."""
        log = self.root / "agent.log"
        with started([sys.executable, "-m", "config_sync", *words, "run"], log=log, environment=self.environment):
            eventually(lambda: "stream.connected" in log.read_text())
            yield log


@contextmanager
def started(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose output goes to `log`; told to end by TERM, and must end with 0."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                assert process.wait(20) == 0, log.read_text()
            except subprocess.TimeoutExpired:
                process.kill()
                raise
