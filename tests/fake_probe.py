"""A probe at its seam: each look takes the next answer of a script."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from config_sync.errors import ProbeFailed
from config_sync.model import ReloadOrder
from config_sync.stop import Stop


class FakeProbe:
    """Each look takes the next of `script` (well or not, an error to raise, something to do), then `otherwise`.

    `looks` has the story that each look was told, `timeouts_s` how long it was allowed to take.
    """

    def __init__(self, *script: bool | BaseException | Callable[[], bool], otherwise: bool = True) -> None:
        self.script = deque(script)
        self.otherwise = otherwise
        self.looks: list[ReloadOrder] = []
        self.timeouts_s: list[float] = []

    @property
    def kind(self) -> str:
        return "fake"

    def describe(self) -> str:
        return "a fake"

    def look(self, order: ReloadOrder, _stop: Stop, *, timeout_s: float) -> None:
        self.looks.append(order)
        self.timeouts_s.append(timeout_s)
        answer = self.script.popleft() if self.script else self.otherwise
        if isinstance(answer, BaseException):
            raise answer
        is_well = answer if isinstance(answer, bool) else answer()
        if not is_well:
            raise ProbeFailed("a connection to localhost:80 fails: Connection refused", hint="look at its log")
