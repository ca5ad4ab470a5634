"""An event told of a change that the service does not give: the list may say that it is not valid yet, or not at all.

Where it says so, the operator is told, and the target is looked at again at each time at which a config of it becomes
valid, the earliest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from config_sync.agent.looking import Look
from config_sync.client import ConfigInfo
from config_sync.client.listing import validity
from config_sync.clock import Clock
from config_sync.errors import Stopped, SyncError
from config_sync.log import EVENT_UNMET, logger
from config_sync.model import Target
from config_sync.workqueue import Wake

FRESH_S = 15.0
"""How old a list may be that explains: a thousand targets of one config are one look, and yet it is younger than the
event, whose re-checks take 16 s at least."""
LONGEST_S = 7 * 86400.0
"""Later than that the resync finds it (`service.resync` is at most this)."""


class Awaiting:
    """For one event loop. `look` may be replaced at any time; `on_known` gets the target's name and a clause."""

    def __init__(
        self,
        *,
        on_known: Callable[[str, str], None],
        on_mark: Callable[[str, Wake], None],
        clock: Clock,
    ) -> None:
        self.look: Look | None = None
        self._on_known = on_known
        self._on_mark = on_mark
        self._clock = clock
        self._listed: dict[str, ConfigInfo] = {}
        self._listed_at = float("-inf")
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}
        self._lock = asyncio.Lock()

    async def explain(self, target: Target) -> None:
        """Look into the list for what the target is made of. A list that is not to be had explains nothing."""
        listed = await self._current()
        now = self._clock.now()
        known: dict[str, str] = {}
        waits: list[float] = []
        for ref in target.configs:
            info = listed.get(ref.name)
            said = validity(info, now) if info is not None and ref.version is None else None
            if info is None or said is None:
                continue
            logger().info(EVENT_UNMET, target=target.name, config=ref.name, reason=said)
            known[ref.name] = f"of {ref.name} that is {said}"
            waits.append(info.valid_from.timestamp() - now)
        if known:
            self._on_known(target.name, f"an event told of a change {' and '.join(known.values())}")
            self._wake_in(target.name, waits)

    async def _current(self) -> dict[str, ConfigInfo]:
        async with self._lock:
            if self.look is not None and self._clock.monotonic() - self._listed_at > FRESH_S:
                try:
                    self._listed = {info.name: info for info in await self.look()}
                except (SyncError, Stopped):
                    self._listed = {}
                self._listed_at = self._clock.monotonic()
            return self._listed

    def _wake_in(self, name: str, waits: Iterable[float]) -> None:
        for timer in self._timers.pop(name, ()):
            timer.cancel()
        loop = asyncio.get_running_loop()
        # As an event: what is valid may take a moment to be readable, too.
        self._timers[name] = [
            loop.call_later(wait_s, self._on_mark, name, Wake.EVENT)
            for wait_s in sorted(set(waits))
            if 0.0 < wait_s <= LONGEST_S
        ]
