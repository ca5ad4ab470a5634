"""The log lines of one subscription: one when it is lost, one when it is back, however often it fails in between.

An outage begins with a loss that matters and ends when a stream has lived for `settled_s`; a server that accepts and
closes at once is one outage. A new *reason* within it is told once. Not worth a line above debug: silence, which is
how a server without keep-alives looks, and the clean end of a stream that had lived (proxies recycle connections).
Nor is it worth one that a config is not there which nobody needs. Where polling takes over (`falls_back`), a service
without streams needs no person: a warning.
"""

from __future__ import annotations

import asyncio

from config_sync.clock import Clock
from config_sync.errors import NotFound, Retry
from config_sync.log import STREAM_CONNECTED, STREAM_LOST, STREAM_RECOVERED, logger
from config_sync.triggers.stream_state import NO_STREAM, STREAM_ENDED, Loss


class StreamLog:
    """The memory of what was told already, for one config."""

    __slots__ = ("_clock", "_config", "_falls_back", "_settled_s", "_settling", "_since", "_told", "_was_routine")

    def __init__(self, config: str, *, settled_s: float, clock: Clock, falls_back: bool = False) -> None:
        self._config = config
        self._falls_back = falls_back
        self._settled_s = settled_s
        self._clock = clock
        self._told: set[str] = set()
        self._since: float | None = None
        self._settling: asyncio.TimerHandle | None = None
        self._was_routine = False

    def live(self) -> None:
        """The stream is open."""
        if self._since is None:
            (logger().debug if self._was_routine else logger().info)(STREAM_CONNECTED, config=self._config)
            return
        self._settling = asyncio.get_running_loop().call_later(self._settled_s, self._recovered)

    def lost(
        self, loss: Loss, *, retry_in_s: float, attempt: int, had_lived: bool, may_be_absent: bool = False
    ) -> None:
        """The stream is gone, or could not be opened; `had_lived`: long enough for backoff to start over.

        `may_be_absent`: nobody needs the config, so that a 404 is as good as any answer.
        """
        self.close()
        keys: dict[str, object] = {
            "config": self._config,
            "reason": loss.reason,
            "error": loss.message,
            "retry_in_s": round(retry_in_s, 3),
            "attempt": attempt,
        }
        if loss.hint is not None:
            keys["hint"] = loss.hint
        self._was_routine = loss.is_silence or (loss.reason == STREAM_ENDED and had_lived)
        is_absent = may_be_absent and loss.reason == NotFound.reason
        if is_absent or self._was_routine or loss.told_as in self._told:
            logger().debug(STREAM_LOST, **keys)
            return
        self._told.add(loss.told_as)
        if self._since is None:
            self._since = self._clock.monotonic()
        if loss.retry is Retry.SLOW and not (self._falls_back and loss.reason in NO_STREAM):
            logger().error(STREAM_LOST, **keys)
        else:
            logger().warning(STREAM_LOST, **keys)

    def close(self) -> None:
        """Nothing more will be told of the stream that was live."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _recovered(self) -> None:
        self._settling = None
        if self._since is not None:
            took_s = round(self._clock.monotonic() - self._since - self._settled_s, 3)
            logger().info(STREAM_RECOVERED, config=self._config, took_s=max(0.0, took_s))
        self._since = None
        self._told.clear()
