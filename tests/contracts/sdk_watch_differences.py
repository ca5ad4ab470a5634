"""Where a watch does something else than the published SDK's: what each does, and why. See sdk_differences."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import ModuleType

from tests import faults
from tests.contracts.sdk_differences import Difference
from tests.faults import Behaviour, FaultServer, answer, in_turn, stream
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import gives
from tests.unit.sdk.watches import event, service


class Watched:
    """A watch in a daemon thread that nothing waits for: the published one cannot be ended."""

    def __init__(self, sdk: ModuleType, url: str, *, timeout_s: float = 5.0, retry_count: int = 0) -> None:
        self.errors: list[Exception] = []
        self.snapshot = sdk.Snapshot()
        self.client = sdk.ConfigClient(
            sdk.Options(url, TOKEN, KEY, None, timeout_s, retry_count, 0.0, self.errors.append)
        )
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with contextlib.suppress(Exception):
            self.client.watch_and_decode("app", dict, self.snapshot)

    def lives_for(self, seconds: float) -> bool:
        """Whether the watch still runs after as long."""
        self.thread.join(seconds)
        return self.thread.is_alive()


def watched(
    behaviour: Behaviour, look: Callable[[Watched, FaultServer], object], *, timeout_s: float = 5.0
) -> Callable[[ModuleType], object]:
    """What `look` finds of a watch; it is ended afterwards, by the server's end at the latest."""

    def play(sdk: ModuleType) -> object:
        with FaultServer(behaviour) as server:
            running = Watched(sdk, server.url, timeout_s=timeout_s)
            found = look(running, server)
        running.client.close()
        running.thread.join(60)
        return found

    return play


def _lives(running: Watched, _: FaultServer) -> object:
    return "goes on" if running.lives_for(1.0) else "has returned"


def _is_storming(_: Watched, server: FaultServer) -> object:
    threading.Event().wait(1.0)
    return "storms" if len(server.requests) > 50 else "waits in between"


def _ends_on_close(running: Watched, server: FaultServer) -> object:
    while not server.requests:
        threading.Event().wait(0.01)
    threading.Event().wait(0.1)
    running.client.close()
    return "goes on" if running.lives_for(0.5) else "has returned"


def _first_value(running: Watched, _: FaultServer) -> object:
    threading.Event().wait(0.5)
    return running.snapshot.load()


def _value_after_reconnect(running: Watched, _: FaultServer) -> object:
    threading.Event().wait(1.5)
    return running.snapshot.load()


def _changes(sdk: ModuleType) -> object:
    changes: list[str] = []
    behaviour = service(config=ONE, watch=stream(b": hello\n\n", event(1), event(1), then=faults.half_open))
    with FaultServer(behaviour) as server:
        client = sdk.ConfigClient(sdk.Options(server.url, TOKEN, KEY, retry_count=0, on_change=changes.append))
        watch = threading.Thread(target=client.watch_and_decode, args=("app", dict, sdk.Snapshot()), daemon=True)
        watch.start()
        threading.Event().wait(0.5)
        found = len(changes)
        client.close()
    watch.join(60)
    return found


def _kind_of_errors(running: Watched, _: FaultServer) -> object:
    while not running.errors:
        threading.Event().wait(0.01)
    return (
        type(running.errors[0])
        .__module__.partition(".")[0]
        .replace("config_client", "own")
        .replace("config_sync", "own")
    )


QUIET = stream(b": hello\n\n", then=faults.half_open)
ONE = gives({"port": 1})

WATCH_DIFFERENCES = (
    Difference(
        "quiet-stream",
        "a stream without changes is healthy; the published one shares the request timeout with it and gives up",
        watched(service(config=ONE, watch=QUIET), _lives, timeout_s=0.2),
        "has returned",
        "goes on",
    ),
    Difference(
        "failing-stream",
        "a watch that returns after an outage leaves a program with an old config and no word",
        watched(service(config=ONE, watch=answer(503)), _lives),
        "has returned",
        "goes on",
    ),
    Difference(
        "clean-end",
        "a proxy that ends streams must not be connected to hundreds of times a second",
        watched(service(config=ONE, watch=stream(b": hello\n\n")), _is_storming),
        "storms",
        "waits in between",
    ),
    Difference(
        "close",
        "a program that stops must not wait for the next event",
        watched(service(config=ONE, watch=QUIET), _ends_on_close),
        "goes on",
        "has returned",
    ),
    Difference(
        "first-value",
        "the current value is stored at the start: nothing is missed between a `get` and the watch",
        watched(service(config=ONE, watch=QUIET), _first_value),
        None,
        {"port": 1},
    ),
    Difference(
        "missed-change",
        "what changed while no stream was open is fetched after the reconnect",
        watched(
            service(config=in_turn(ONE, gives({"port": 2})), watch=in_turn(stream(event(1)), QUIET)),
            _value_after_reconnect,
        ),
        {"port": 1},
        {"port": 2},
    ),
    Difference("on-change", "two events of a config that stays as it is are no change of the snapshot", _changes, 2, 0),
    Difference(
        "on-error",
        "`on_error` gets the documented exceptions",
        watched(service(config=ONE, watch=answer(404)), _kind_of_errors),
        "httpx",
        "own",
    ),
)
