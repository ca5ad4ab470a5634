"""The embedded service with a clock at its hub: when did each change leave for the streams?"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config_sync.clock import SystemClock
from config_sync.devserver.app import build_app
from config_sync.devserver.folder import Change, ConfigFolder
from config_sync.devserver.hub import Hub
from config_sync.devserver.serving import ServingThread
from config_sync.model import EncryptionKey, Secret
from tests.service import KEY, TOKEN


class TimedHub(Hub):
    """A hub that notes time.monotonic as it begins to hand a change to the streams."""

    def __init__(self) -> None:
        super().__init__()
        self._noted = threading.Condition()
        self._at: dict[str, float] = {}

    def publish(self, change: Change) -> None:
        """Note, then tell everyone."""
        with self._noted:
            self._at[change.config] = time.monotonic()
            self._noted.notify_all()
        super().publish(change)

    def take(self, name: str, *, within_s: float) -> float:
        """The moment of the last change that was not taken yet; waits for it. Raises TimeoutError."""
        with self._noted:
            if not self._noted.wait_for(lambda: name in self._at, within_s):
                raise TimeoutError(f"no event of {name} within {within_s} s")
            return self._at.pop(name)


@dataclass(frozen=True, slots=True)
class Emitting:
    """A running service and its hub."""

    url: str
    hub: TimedHub


@contextlib.contextmanager
def emitting(directory: Path) -> Iterator[Emitting]:
    """A service over `directory` in this process, with the token and key of the tests, stopped on leaving."""
    hub = TimedHub()
    folder = ConfigFolder(str(directory), tell=print, clock=SystemClock())
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = build_app(folder, hub, token=Secret(TOKEN), key=EncryptionKey(KEY), keep_alive_s=15.0)
    thread = ServingThread(app, folder, hub, listening)
    thread.begin()
    try:
        yield Emitting(url, hub)
    finally:
        thread.end()
