"""The list of configs as it may explain why one is refused: asked for as seldom as that goes.

1. A thousand configs that are refused together are one question, whichever threads ask.
2. While a config stays refused, a list from after the first of its refusals goes on explaining it for `SAME_S`.
3. A list from before the config was last given says nothing of what became of it, and none explains a new refusal when
   it is older than `FRESH_S`.
4. Where the list cannot be had, it is not asked for again for as long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from config_sync.client.listing import ConfigInfo
from config_sync.clock import Clock
from config_sync.errors import SyncError
from config_sync.model import ConfigName
from config_sync.stop import Stop

FRESH_S = 60.0
"""How old a list may be that explains a new refusal: configs are refused together where they hang together."""
SAME_S = 600.0
"""How old while the same refusal lasts: a config that is never there must not double its requests, at whatever pace."""

LOOK_UP_S = 0.05
"""How often whoever waits for another's question looks whether the program stops."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The last list, or None where it was not to be had; `at` is monotonic seconds."""

    infos: tuple[ConfigInfo, ...] | None
    at: float


class Refusals:
    """What is remembered of refused configs and of the list. `look` asks the service for it; from any thread."""

    def __init__(self, look: Callable[[Stop], tuple[ConfigInfo, ...]], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._asking = threading.Lock()
        self._last: _Asked | None = None
        self._given_at: dict[ConfigName, float] = {}
        self._since: dict[ConfigName, float] = {}

    def given(self, name: ConfigName) -> None:
        """The config was not refused."""
        self._given_at[name] = self._clock.monotonic()
        self._since.pop(name, None)

    def listed(self, infos: tuple[ConfigInfo, ...]) -> None:
        """The list was had, whoever asked for it."""
        self._last = _Asked(infos, self._clock.monotonic())

    def list_for(self, name: ConfigName, stop: Stop) -> tuple[ConfigInfo, ...] | None:
        """A list that may explain why the config is refused now; None: none is to be had. Raises Stopped."""
        since = self._since.setdefault(name, self._clock.monotonic())
        while not self._asking.acquire(timeout=LOOK_UP_S):
            stop.check()
        try:
            last = self._last
            if last is None or not self._explains(last, name, since):
                last = self._ask(stop)
        finally:
            self._asking.release()
        return last.infos

    def _explains(self, last: _Asked, name: ConfigName, since: float) -> bool:
        allowed_s = SAME_S if last.at >= since else FRESH_S
        is_fresh = self._clock.monotonic() - last.at < allowed_s
        return is_fresh and (last.infos is None or last.at > self._given_at.get(name, float("-inf")))

    def _ask(self, stop: Stop) -> _Asked:
        try:
            infos: tuple[ConfigInfo, ...] | None = self._look(stop)
        except SyncError:  # some tokens may not have it; it was only to explain
            infos = None
        last = self._last = _Asked(infos, self._clock.monotonic())
        return last
