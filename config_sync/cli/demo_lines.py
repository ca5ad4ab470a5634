"""Lines of JSON from a process, read as they come and searched with a deadline."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO

from config_sync.errors import ConfigSyncError


class Lines:
    """A pipe's lines; those that are no JSON are kept for the error message only."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._found: queue.Queue[Mapping[str, object] | None] = queue.Queue()
        self._last = ""
        if pipe is not None:
            threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: IO[bytes]) -> None:
        for raw in pipe:
            try:
                line: object = json.loads(raw)
            except ValueError:
                self._last += "\n" + raw.decode(errors="replace").rstrip()
                continue
            if isinstance(line, dict):
                self._found.put(line)
        self._found.put(None)

    def find(self, wanted: Callable[[Mapping[str, object]], bool], within_s: float, what: str) -> Mapping[str, object]:
        """The next line that is wanted; those before it are dropped.

        Raises:
            ConfigSyncError: the process ended, or the time is over.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                line = self._found.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ConfigSyncError(f"the demo waited {within_s:g} s for {what}") from None
            if line is None:
                raise ConfigSyncError(f"a process of the demo ended while it waited for {what}: {self._last}")
            if wanted(line):
                return line

    def drain(self) -> None:
        """Forget what has come so far."""
        while not self._found.empty():
            self._found.get_nowait()
