"""A watch in the calling thread: connect, read, wait, again; until the stop. It never ends by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from config_sync.errors import Stopped, SyncError
from config_sync.http.failures import StreamSilent
from config_sync.sdk.carriers import Carrier
from config_sync.sdk.errors import ConfigClientError, client_error
from config_sync.sdk.hearing import Hearing
from config_sync.sdk.requests import IDLE_TIMEOUT_S, Requests
from config_sync.stop import Stop


class Watcher(Protocol):
    """What is done with a stream. Nothing here raises, save for what ends a program (KeyboardInterrupt)."""

    def connected(self, now: float) -> None:
        """The stream is open; or it cannot be had, but the service has answered."""
        ...

    def heard(self, events: Sequence[str], now: float) -> None:
        """The data of events that came together, at least one."""
        ...

    def failed(self, error: ConfigClientError) -> None:
        """The stream is lost by an error. It is opened again."""
        ...

    def act(self) -> float:
        """Do what is due; seconds until there is more to do, `math.inf` for nothing."""
        ...


def watch(
    carrier: Carrier,
    requests: Requests,
    hearing: Hearing,
    watcher: Watcher,
    stop: Stop,
    *,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> None:
    """Keep the stream open and tell `watcher` of it. Returns at the stop, at once."""
    try:
        while not stop.is_set():
            delay_s = _listen(carrier, requests, hearing, watcher, stop, idle_timeout_s)
            _pause(delay_s, watcher.act, stop)
    except Stopped:
        return


def _listen(
    carrier: Carrier, requests: Requests, hearing: Hearing, watcher: Watcher, stop: Stop, idle_timeout_s: float
) -> float:
    """One stream from its connect to its end: seconds until the next. Raises Stopped."""
    lived_since: float | None = None
    status: int | None = None
    error: SyncError | None = None
    request = hearing.request()
    try:
        with carrier.stream(
            request.url,
            requests.headers(request),
            connect_timeout_s=requests.connect_timeout_s,
            idle_timeout_s=idle_timeout_s,
            stop=stop,
        ) as stream:
            status = stream.status
            error = hearing.judge(request, status, stream.headers)
            if error is None:
                lived_since = time.monotonic()
                watcher.connected(lived_since)
                for chunk in stream.chunks(watcher.act):
                    if events := hearing.feed(chunk):
                        watcher.heard(events, time.monotonic())
    except StreamSilent as silent:
        if lived_since is not None:
            return hearing.pace.after_silence()
        error = silent
    except SyncError as raised:
        error = raised
    if error is not None:
        watcher.failed(_chained(error, None if lived_since is not None else status))
        if lived_since is None and status is not None:
            watcher.connected(time.monotonic())
    lived_s = 0.0 if lived_since is None else time.monotonic() - lived_since
    return hearing.pace.after(error, lived_s=lived_s)


def _pause(delay_s: float, act: Callable[[], float], stop: Stop) -> None:
    """Raises Stopped."""
    until = time.monotonic() + delay_s
    while (left_s := until - time.monotonic()) > 0:
        due_s = act()
        stop.wait(min(left_s, due_s) if due_s != math.inf else left_s)
        stop.check()


def _chained(error: SyncError, status: int | None) -> ConfigClientError:
    made = client_error(error, status=status)
    made.__cause__ = error
    return made
