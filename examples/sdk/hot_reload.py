"""Follow a config while the program runs: a thread keeps a snapshot current, everybody else just loads it.

Run it as basic.py says, edit the file in the service's folder, and stop it with Ctrl-C.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from types import FrameType

from config_sync import ConfigClient, Snapshot


@dataclass(frozen=True)
class App:
    """Frozen: every reader gets the same object."""

    port: int


def main() -> None:
    """Print the config at the start and after each change."""
    snapshot: Snapshot[App] = Snapshot()
    client = ConfigClient.from_env()

    def leave(_number: int, _frame: FrameType | None) -> None:
        client.close()  # ends the watch at once, however quiet the stream is

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    watcher = threading.Thread(target=client.watch_and_decode, args=("my-app", App, snapshot))
    watcher.start()
    seen = 0
    while watcher.is_alive():
        if snapshot.wait_for_change(0.2, since=seen):
            seen = snapshot.changes
            app = snapshot.load()
            assert app is not None
            print(f"port {app.port}, version {snapshot.version}", flush=True)
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
