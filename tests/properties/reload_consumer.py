"""A consumer as a model: it reads when it starts and when it is told to, and some content is too much for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config_sync.errors import ProbeFailed, ReloadFailed
from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.stop import Stop

GOOD, DEADLY, SICKENING = "good", "deadly", "sickening"


def nothing(_what: str) -> None:
    """A step at which nobody dies."""


class Consumer:
    """A program that reads two files when it starts and when it is told to; and the probe that looks at it."""

    kind = "model"

    def __init__(self, paths: tuple[Path, Path], versions: dict[int, bytes]) -> None:
        self._paths = paths
        self._versions = versions
        self.is_running = True
        self.read: bytes | None = None
        self.is_fresh = False
        """It started, and was told nothing since."""
        self.is_hook_broken = False
        self.told: list[bytes] = []
        self.step: Callable[[str], None] = nothing

    def describe(self) -> str:
        return "a model"

    def on_disk(self) -> bytes | None:
        """Both files, which always have the same content when a publish is whole."""
        first, second = (path.read_bytes() if path.exists() else None for path in self._paths)
        return first if first == second else (first or b"-") + (second or b"-")

    def start(self) -> None:
        """Unless it runs; with deadly content it dies at once."""
        if self.is_running:
            return
        self.read, self.is_fresh = self.on_disk(), True
        self.is_running = kind_of(self.read) != DEADLY

    def is_well(self) -> bool:
        return self.is_running and kind_of(self.read) != SICKENING

    def run(self, order: ReloadOrder, _stop: StopSignal) -> ReloadResult:
        self.step("reload")
        if not self.is_running:
            return ReloadResult.WAITING_FOR_CONSUMER
        now = self.on_disk()
        assert now is not None
        if order.version is not None and b"hand" not in now:
            assert now == self._versions[order.version], "it is told of what is on disk"
        if self.is_fresh and self.read == now:
            return ReloadResult.ALREADY_CURRENT
        if self.is_hook_broken:
            raise ReloadFailed("the hook could not be started")
        self.read, self.is_fresh = now, False
        self.told.append(now)
        self.step("told")
        if kind_of(now) == DEADLY:
            self.is_running = False
            raise ReloadFailed("it ended within 0.1 s of the signal")
        return ReloadResult.RELOADED

    def look(self, _order: ReloadOrder, _stop: Stop, *, timeout_s: float) -> None:
        self.step("look")
        if not self.is_well():
            raise ProbeFailed("it does not answer")


def kind_of(content: bytes | None) -> str:
    """What a consumer makes of it; hand-made content does no harm."""
    return next((kind for kind in (DEADLY, SICKENING) if kind.encode() in (content or b"")), GOOD)
