"""The work queue: who is to be looked at, and when. Pure: times come in, nothing sleeps.

Every wake-up only *marks* a key (a target's name). The queue promises:

1. At most one run per key: a key that was taken is not handed out again before it is settled (I1).
2. Every mark is followed by a run that *starts* later, also a mark made while the key runs (I2).
3. Marks made before a start collapse into it: runs never outnumber marks and timers (I3).
4. Keys are handed out in the order in which they became due; no key can hold back another (I4).
5. ``EVENT`` marks are debounced per key: the first after quiet is due at once; later ones when `min_s` passed without
   another, at the latest `max_s` after the first that no run has taken. Every other mark is due at once.
6. `settle` may leave one timer. Any mark is due before a longer timer, so a backoff never delays news; a start clears
   the timer, because its settling decides anew.

All operations are O(log n). One heap holds at most one live entry per key; its time may be early (a debounce that was
pushed back), never late, and is put right when it comes up.
"""

from __future__ import annotations

import enum
import heapq
from dataclasses import dataclass, field

from config_sync.model import Debounce


class Wake(enum.Enum):
    """Why a target may be out of date."""

    START = "start"
    EVENT = "event"
    CONNECTED = "connected"
    """Its stream is live (again): what it did not tell meanwhile must be compared."""
    RESYNC = "resync"
    RETRY = "retry"
    RELOAD_RETRY = "reload_retry"
    FILES = "files"
    """Something changed on disk."""
    SETTINGS = "settings"
    CREDENTIALS = "credentials"
    COMMAND = "command"
    RECHECK = "recheck"
    """An event's change could not be read yet."""
    HOLD = "hold"
    """The time of a hold may be over."""


@dataclass(frozen=True, slots=True)
class Work:
    """One run to start now. `marked_at`: when the oldest of its marks was made, or its timer was due."""

    key: str
    wakes: frozenset[Wake]
    marked_at: float


@dataclass(slots=True)
class _Entry:
    debounce: Debounce
    is_running: bool = False
    is_dropped: bool = False
    wakes: set[Wake] = field(default_factory=set)
    marked_at: float = 0.0
    marks_due_at: float | None = None
    first_event_at: float | None = None
    """The oldest EVENT mark that no run has taken."""
    last_event_at: float | None = None
    """The newest EVENT mark of all: tells quiet."""
    timer_at: float | None = None
    timer_wake: Wake = Wake.RETRY
    queued_at: float | None = None
    """The time in its live heap entry."""
    ticket: int = 0
    """Which heap entry is the live one."""

    def due_at(self) -> float | None:
        """When it is to be handed out, were it not running."""
        if self.marks_due_at is None or self.timer_at is None:
            return self.marks_due_at if self.timer_at is None else self.timer_at
        return min(self.marks_due_at, self.timer_at)


class WorkQueue:
    """Marks and timers in, runs out. All times are seconds of one clock that never steps back; not for threads."""

    __slots__ = ("_entries", "_heap", "_tickets")

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._tickets = 0

    def add(self, key: str, debounce: Debounce) -> None:
        """Know `key`; for a known one only the debounce changes, and its marks stay.

        A key that was dropped while it ran and comes back is not handed out before that run is settled.
        """
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(debounce)
            return
        entry.debounce = debounce
        entry.is_dropped = False

    def drop(self, key: str) -> None:
        """Forget `key` with its marks and its timer; a run under way is settled as usual, to no effect."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.is_running:
            self._entries[key] = _Entry(entry.debounce, is_running=True, is_dropped=True)
        else:
            del self._entries[key]

    def mark(self, key: str, wake: Wake, now: float) -> None:
        """Say that `key` may be out of date. A key that is not known (any more) is ignored: marks may be late."""
        entry = self._entries.get(key)
        if entry is None or entry.is_dropped:
            return
        if not entry.wakes:
            entry.marked_at = now
        entry.wakes.add(wake)
        due = self._debounced(entry, now) if wake is Wake.EVENT else now
        if entry.marks_due_at is not None and entry.wakes != {Wake.EVENT}:
            due = min(due, entry.marks_due_at)  # only further events may push a due time back
        entry.marks_due_at = due
        self._queue(key, entry)

    def take(self, now: float) -> Work | None:
        """The key that is due for longest, which counts as running from here on; None if none is due."""
        key = self._front(now)
        if key is None:
            return None
        entry = self._entries[key]
        heapq.heappop(self._heap)
        entry.queued_at = None
        wakes = set(entry.wakes)
        marked_at = entry.marked_at if wakes else now
        if entry.timer_at is not None and entry.timer_at <= now:
            wakes.add(entry.timer_wake)
            marked_at = min(marked_at, entry.timer_at)
        entry.wakes.clear()
        entry.marks_due_at = entry.first_event_at = entry.timer_at = None
        entry.is_running = True
        return Work(key, frozenset(wakes), marked_at)

    def settle(self, key: str, now: float, *, again_in: float | None, wake: Wake = Wake.RETRY) -> None:
        """The run of `key` is over; run it again in `again_in` seconds because of `wake`, or at its next mark.

        Raises:
            ValueError: `key` is not running: it was settled twice, or never taken.
        """
        entry = self._entries.get(key)
        if entry is None or not entry.is_running:
            raise ValueError(f"{key} is not running")
        entry.is_running = False
        if entry.is_dropped:
            del self._entries[key]
            return
        if again_in is not None:
            entry.timer_at, entry.timer_wake = now + max(0.0, again_in), wake
        self._queue(key, entry)

    def next_at(self) -> float | None:
        """When `take` will next give something, unless a mark comes first; maybe in the past; None: only after one."""
        self._front(float("-inf"))
        return self._heap[0][0] if self._heap else None

    def is_running(self, key: str) -> bool:
        """Whether a run of `key` is under way, also one of a dropped key."""
        entry = self._entries.get(key)
        return entry is not None and entry.is_running

    @staticmethod
    def _debounced(entry: _Entry, now: float) -> float:
        last, entry.last_event_at = entry.last_event_at, now
        if entry.first_event_at is None:
            entry.first_event_at = now
            if last is None or now - last >= entry.debounce.min_s:
                return now
        elif entry.marks_due_at is not None and entry.marks_due_at <= now:
            return entry.marks_due_at  # due already: another event does not push it back
        return min(now + entry.debounce.min_s, entry.first_event_at + entry.debounce.max_s)

    def _queue(self, key: str, entry: _Entry) -> None:
        """Make the heap hold an entry for `key` that is not late; a later one that it holds is dead from then on."""
        due = entry.due_at()
        if due is None or entry.is_running or (entry.queued_at is not None and entry.queued_at <= due):
            return
        self._tickets += 1
        entry.ticket, entry.queued_at = self._tickets, due
        heapq.heappush(self._heap, (due, self._tickets, key))
        if len(self._heap) > 2 * len(self._entries) + 64:  # dead entries (long timers, mostly) must not pile up
            self._heap = [one for one in self._heap if self._is_live(one)]
            heapq.heapify(self._heap)

    def _is_live(self, queued: tuple[float, int, str]) -> bool:
        _, ticket, key = queued
        entry = self._entries.get(key)
        return entry is not None and entry.queued_at is not None and entry.ticket == ticket

    def _front(self, now: float) -> str | None:
        """The first key if it is due; clears the way to the first heap entry that is live and has the right time."""
        while self._heap:
            at, ticket, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is None or entry.queued_at is None or entry.ticket != ticket:
                heapq.heappop(self._heap)
                continue
            due = entry.due_at()
            if due is None or due > at:
                heapq.heappop(self._heap)
                entry.queued_at = None
                self._queue(key, entry)
                continue
            return key if at <= now else None
        return None
