"""What passes count for the metrics: how they ended, what was refused, how long an event took to the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from config_sync.errors import SyncError
from config_sync.model import Outcome, Result
from config_sync.status import metrics
from config_sync.status.meters import METERS
from config_sync.status.state import REFUSALS, is_local


class Counting:
    """`monotonic` gives seconds that only grow. `in_place` may be called from any thread, the rest from one."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard: dict[str, float] = {}
        """When the first event came that no pass has taken."""
        self._under_way: dict[str, float] = {}
        self._placed: dict[str, float] = {}
        self._refused: dict[str, tuple[str, str]] = {}
        """By target: why the last refusal was, and of what."""

    def heard(self, targets: Iterable[str]) -> None:
        """An event told of a change of them."""
        for name in targets:
            self._heard.setdefault(name, self._monotonic())

    def begun(self, target: str) -> None:
        """A pass takes up what was heard until now."""
        self._placed.pop(target, None)
        if target in self._heard:
            self._under_way[target] = self._heard.pop(target)

    def in_place(self, target: str) -> None:
        """The pass has its files in place, and goes on with telling the consumer."""
        self._placed[target] = self._monotonic()

    def finished(self, outcome: Outcome, *, goes_on: bool) -> None:
        """The pass is over; `goes_on`: what was heard of has not come yet, and is looked for again."""
        name, error = outcome.target, outcome.error
        METERS.count(metrics.SYNCS, name, outcome.result.value, outcome.reason)
        heard_at = self._under_way.pop(name, None)
        placed_at = self._placed.pop(name, self._monotonic())
        if heard_at is not None and outcome.wrote:
            METERS.observe(metrics.EVENT_TO_DISK, placed_at - heard_at)
        elif heard_at is not None and (goes_on or outcome.result is Result.FAILED):
            self._heard[name] = min(heard_at, self._heard.get(name, heard_at))
        if isinstance(error, REFUSALS) and not is_local(error):
            self._note_refusal(name, error)
        elif error is None and outcome.is_compared:
            self._refused.pop(name, None)

    def forget(self, target: str) -> None:
        """The settings no longer name it."""
        for known in (self._heard, self._under_way, self._placed, self._refused):
            known.pop(target, None)

    def _note_refusal(self, name: str, error: SyncError) -> None:
        """Count it, unless it is the one of before, met again by a retry or a resync."""
        known = (error.reason, _subject(error))
        if self._refused.get(name) != known:
            self._refused[name] = known
            METERS.count(metrics.REJECTED, name, error.reason)


def _subject(error: SyncError) -> str:
    """What was refused: its revision, where it opened; else its version, where that was told; else the words.

    The words are the last resort: a checker's tell how long it took.
    """
    refused = error.refused
    if refused is not None and refused.revision is not None:
        return f"revision {refused.revision}"
    if refused is not None and refused.version is not None:
        return f"version {refused.version}"
    return error.message
