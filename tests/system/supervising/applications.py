"""Applications for ``exec``: shell scripts that note what happens to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.program import Home, Started
from tests.waiting import eventually

LIVES = "while :; do sleep 0.05 & wait $!; done\n"
"""Until a signal ends it; traps run between two looks."""


@dataclass(frozen=True, slots=True)
class Application:
    """A script beside a home's files; each line of its `notes` is a thing that it did."""

    home: Home
    path: Path

    @property
    def notes(self) -> list[str]:
        """What it noted so far, of all its runs."""
        noted = self.home.root / "notes"
        return noted.read_text().splitlines() if noted.exists() else []

    def count(self, note: str) -> int:
        return self.notes.count(note)

    def until(self, note: str, *, times: int = 1) -> None:
        """Wait until it noted that so often."""
        eventually(lambda: self.count(note) >= times)

    @property
    def pids(self) -> list[int]:
        """Of its runs, the last one last."""
        return [int(note.removeprefix("pid ")) for note in self.notes if note.startswith("pid ")]

    @contextlib.contextmanager
    def behind(
        self, *options: str, before: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> Iterator[Started]:
        """``config-sync exec OPTIONS -- the application`` in the background."""
        words = ("--config", str(self.home.settings), "--log-level", "debug", "exec", *options, "--", str(self.path))
        with self.home.start(*words, before=before, env=env) as started:
            try:
                yield started
            finally:
                for pid in self.pids:  # in a group of its own, holding our pipes: it would outlive a kill of the agent
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)


def application(home: Home, body: str, *, traps: str = "", name: str = "app.sh") -> Application:
    """A shell script that notes its pid and what ``app.json`` and ``app.env`` say, sets its traps, and does `body`."""
    path = home.root / name
    path.write_text(
        f'#!/bin/sh\ncd {home.root}\nnote() {{ echo "$*" >>notes; }}\n'
        f'note "pid $$"\n{traps}\nfor file in app.json app.env; do\n'
        '    if [ -e $file ]; then note "read $(cat $file)"; fi\ndone\n'
        f"{body}"
    )
    path.chmod(0o755)
    return Application(home, path)


def read(content: object) -> str:
    """The note of an application that read this document as JSON."""
    return f"read {json.dumps(content)}"
