"""A program written for the published SDK: it watches. Run with both packages by test_sdk_parity.

It writes into the service's folder itself, and waits for what must come of it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config_client import ConfigChangeEvent, ConfigClient, Options, Snapshot

FOLDER = Path(os.environ["CONFIGS"])


@dataclass
class App:
    """The config."""

    port: int


events: list[ConfigChangeEvent] = []
changes: list[str] = []
errors: list[Exception] = []
snapshot: Snapshot[App] = Snapshot()


def write(text: str) -> None:
    """Change the config, at once for every reader."""
    new = FOLDER / ".new"
    new.write_text(text)
    new.replace(FOLDER / "app.json")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("it does not come")
        time.sleep(0.01)


def on_event(event: ConfigChangeEvent) -> None:
    """Also a callback that breaks."""
    events.append(event)
    if event.version == 3:
        raise RuntimeError("of the program")


client = ConfigClient(
    Options(
        host=os.environ["CONFIG_SERVICE_HOST"],
        service_token=os.environ["CONFIG_SERVICE_TOKEN"],
        encryption_key=os.environ["CONFIG_SERVICE_KEY"],
        retry_delay=0.05,
        on_change=changes.append,
        on_error=errors.append,
    )
)
snapshot.store(client.get("app", App))
threading.Thread(target=client.watch, args=("app", on_event), daemon=True).start()
threading.Thread(target=client.watch_and_decode, args=("app", App, snapshot), daemon=True).start()
time.sleep(0.5)  # a program cannot know better when its streams are open

for port in (2, 3, 4):
    write(f'{{"port": {port}}}')
    until(lambda port=port: snapshot.load() == App(port) and len(events) == port - 1)  # type: ignore[misc]
print([(event.config_name, event.version, event.timestamp.tzinfo is not None) for event in events])
print(snapshot.load(), errors)
until(lambda: len(changes) == 6)
print(changes)

write("{}")
until(lambda: len(errors) == 1)
print([type(error).__name__ for error in errors], snapshot.load())
client.close()
print("closed")
