"""What the two kinds of watch do with a stream: call back, or keep a snapshot current."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from config_sync.errors import ServiceError
from config_sync.model import ConfigName, ConfigRef
from config_sync.sdk.errors import ConfigClientError
from config_sync.sdk.options import AsyncOptions, Options
from config_sync.sdk.pacing import Freshness
from config_sync.sdk.requests import Answer, unmarshal
from config_sync.sdk.snapshot import Snapshot
from config_sync.sdk.types import ConfigChangeEvent, parse_event

T = TypeVar("T")

_logger = logging.getLogger("config_sync.sdk")


def callback_failed(name: str, what: str, error: Exception) -> None:
    """A callback of the program raised. Its text is the program's own and may hold a value: only the kind is logged."""
    _logger.error("%s of the watch of config %s raised %s", what, name, type(error).__name__, exc_info=error)


class CallingBack:
    """`ConfigClient.watch`."""

    def __init__(self, name: ConfigName, callback: Callable[[ConfigChangeEvent], None], options: Options) -> None:
        self._name = name
        self._callback = callback
        self._options = options

    def connected(self, now: float) -> None:
        """See `Watcher`."""

    def heard(self, events: Sequence[str], now: float) -> None:  # noqa: ARG002
        """See `Watcher`."""
        for data in events:
            event = parse_event(data)
            if event is None:
                _logger.warning("an event of config %s cannot be read and is skipped", self._name)
                continue
            call(self._name, "the callback", self._callback, event)
            call(self._name, "on_change", self._options.on_change, str(self._name))

    def failed(self, error: ConfigClientError) -> None:
        """See `Watcher`."""
        tell(self._name, error, self._options)

    def act(self) -> float:
        """See `Watcher`."""
        return math.inf


class Storing(Generic[T]):
    """`ConfigClient.watch_and_decode`; `fetch` makes one attempt, with the etag of the last answer."""

    def __init__(
        self,
        ref: ConfigRef,
        target: type[T],
        snapshot: Snapshot[T],
        options: Options,
        fetch: Callable[[str | None], Answer],
    ) -> None:
        self._name = ref.name
        self._options = options
        self._fetch = fetch
        self._keeping = Keeping(target, snapshot, options)

    def connected(self, now: float) -> None:
        """See `Watcher`."""
        self._keeping.freshness.mark_connected(now)

    def heard(self, events: Sequence[str], now: float) -> None:
        """See `Watcher`."""
        self._keeping.heard(events, now)

    def failed(self, error: ConfigClientError) -> None:
        """See `Watcher`."""
        tell(self._name, error, self._options)

    def act(self) -> float:
        """Fetch if it is time to."""
        keeping = self._keeping
        if keeping.freshness.due_in(time.monotonic()) > 0:
            return keeping.freshness.due_in(time.monotonic())
        try:
            has_replaced = keeping.take(self._fetch(keeping.etag), time.monotonic())
        except ConfigClientError as error:
            keeping.failed(error, time.monotonic())
            tell(self._name, error, self._options)
        else:
            if has_replaced:
                call(self._name, "on_change", self._options.on_change, str(self._name))
        return keeping.freshness.due_in(time.monotonic())


class Keeping(Generic[T]):
    """What a snapshot's watch decides, without I/O; both clients stand on it."""

    def __init__(self, target: type[T], snapshot: Snapshot[T], options: Options | AsyncOptions) -> None:
        self.freshness = Freshness(options.retry_delay, random.random)
        self.etag: str | None = None
        self._target = target
        self._snapshot = snapshot
        self._plaintext: bytes | None = None

    def heard(self, events: Sequence[str], now: float) -> None:
        """Whatever an event says, the value may have changed; its version tells when that can be seen."""
        event = parse_event(events[-1])
        self.freshness.mark_event(now, None if event is None else event.version)

    def take(self, answer: Answer, now: float) -> bool:
        """Store the value if it differs; whether it has replaced another one. Raises UnmarshalError."""
        if answer.plaintext is None or answer.plaintext == self._plaintext:
            self._snapshot.confirm(version=answer.version)
            self.freshness.fetched(now, is_new=False, version=answer.version)
            return False
        value = unmarshal(answer.plaintext, self._target)
        # The first value tells nothing of an event that came while it was fetched.
        self.freshness.fetched(now, is_new=self._plaintext is not None, version=answer.version)
        self._plaintext, self.etag = answer.plaintext, answer.etag
        held = self._snapshot.load()
        if held is not None and _same(held, value):
            self._snapshot.confirm(version=answer.version)
            return False
        self._snapshot.store(value, version=answer.version)
        return held is not None

    def failed(self, error: ConfigClientError, now: float) -> None:
        """Plan what follows a failure: try again, or wait for another value where this one cannot be used."""
        if isinstance(error.__cause__, ServiceError):
            self.freshness.failed(now, error.__cause__)
        else:
            self.freshness.unusable()


def _same(one: object, other: object) -> bool:
    """Whether two values are equal; a class whose comparison fails is never equal."""
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  # the program's own code
        return False


A = TypeVar("A")


def call(name: str, what: str, callback: Callable[[A], None] | None, argument: A) -> None:
    """Call a program's callback, if there is one; what it raises is logged."""
    if callback is None:
        return
    try:
        callback(argument)
    except Exception as error:  # noqa: BLE001  # the program's own code, and the watch must go on
        callback_failed(name, what, error)


def tell(name: str, error: ConfigClientError, options: Options) -> None:
    """Log a failure of a watch and hand it to `on_error`."""
    _logger.warning("the watch of config %s: %s", name, error)
    call(name, "on_error", options.on_error, error)
