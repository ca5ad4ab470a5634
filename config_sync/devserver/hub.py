"""Hands each change to the streams that watch its config. Lives in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from config_sync.devserver.folder import Change

MAX_WAITING = 1000
"""Changes that wait for one slow reader; the oldest go first, since every event is only a hint."""

Subscription = asyncio.Queue[Change | None]
"""The changes of one config, in order; None: the service stops."""


class Hub:
    """Who watches what."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._is_closed = False

    @contextlib.contextmanager
    def subscription(self, name: str) -> Iterator[Subscription]:
        """The changes of one config from now on, while inside."""
        waiting: Subscription = asyncio.Queue(MAX_WAITING)
        if self._is_closed:
            waiting.put_nowait(None)
        watchers = self._subscriptions.setdefault(name, set())
        watchers.add(waiting)
        try:
            yield waiting
        finally:
            watchers.discard(waiting)
            if not watchers and self._subscriptions.get(name) is watchers:
                del self._subscriptions[name]

    def watchers(self, name: str) -> int:
        """How many streams watch the config now; safe to ask from another thread."""
        return len(self._subscriptions.get(name, ()))

    def publish(self, change: Change) -> None:
        """Tell everyone who watches the config."""
        for waiting in self._subscriptions.get(change.config, ()):
            _put(waiting, change)

    def close(self) -> None:
        """End every stream, now and from now on."""
        self._is_closed = True
        for watchers in self._subscriptions.values():
            for waiting in watchers:
                _put(waiting, None)


def _put(waiting: Subscription, change: Change | None) -> None:
    if waiting.full():
        waiting.get_nowait()
    waiting.put_nowait(change)
