"""The queue against a slow and simple one, and the invariants I1 to I4 whatever happens in whatever order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config_sync.model import Debounce
from config_sync.workqueue import Wake, WorkQueue

DEBOUNCES = {"short": Debounce(0.5, 1.25), "long": Debounce(4.0, 6.0), "none": Debounce(0.0, 0.0)}
keys = st.sampled_from(["short", "short", "long", "none"])
wakes = st.sampled_from([*[Wake.EVENT] * 20, *Wake])
# Multiples of 1/8 add up exactly, so the two implementations may be compared for equality.
spans = st.sampled_from([0.125, 0.125, 0.25, 0.375, 0.5, 1.0, 2.0, 5.0, 20.0])


@dataclass
class Plain:
    """One key as a list of marks; everything is worked out anew when it is asked for."""

    debounce: Debounce
    is_running: bool = False
    marks: list[tuple[float, Wake]] = field(default_factory=list)
    event_before: float | None = None
    timer: tuple[float, Wake] | None = None

    def due_at(self) -> float:
        if self.is_running:
            return math.inf
        at_once = [at for at, wake in self.marks if wake is not Wake.EVENT]
        timer = self.timer[0] if self.timer is not None else math.inf
        return min(self.events_due_at(min(at_once, default=math.inf)), min(at_once, default=math.inf), timer)

    def events_due_at(self, due_anyway: float) -> float:
        events = [at for at, wake in self.marks if wake is Wake.EVENT]
        if not events:
            return math.inf
        first, before = events[0], self.event_before
        due = first if before is None or first - before >= self.debounce.min_s else first + self.debounce.min_s
        due = min(due, first + self.debounce.max_s)
        for at in events[1:]:
            if at < min(due, due_anyway):
                due = min(at + self.debounce.min_s, first + self.debounce.max_s)
        return due

    def take(self, now: float) -> frozenset[Wake]:
        found = {wake for _, wake in self.marks}
        if self.timer is not None and self.timer[0] <= now:
            found.add(self.timer[1])
        events = [at for at, wake in self.marks if wake is Wake.EVENT]
        self.event_before = events[-1] if events else self.event_before
        self.marks, self.timer, self.is_running = [], None, True
        return frozenset(found)


class QueueAgainstPlain(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.queue = WorkQueue()
        self.plain: dict[str, Plain] = {}
        self.dropped_running: set[str] = set()
        self.allowed = dict.fromkeys(DEBOUNCES, 0)
        self.starts = dict.fromkeys(DEBOUNCES, 0)
        for key, debounce in DEBOUNCES.items():
            self.queue.add(key, debounce)
            self.plain[key] = Plain(debounce)

    @rule(span=spans)
    def time_passes(self, span: float) -> None:
        self.now += span

    @rule(key=keys, wake=wakes)
    def mark(self, key: str, wake: Wake) -> None:
        self.queue.mark(key, wake, self.now)
        if key in self.plain:
            self.plain[key].marks.append((self.now, wake))
            self.allowed[key] += 1

    @rule()
    def take(self) -> None:
        due = {key: one.due_at() for key, one in self.plain.items()}
        work = self.queue.take(self.now)
        if work is None:
            assert all(at > self.now for at in due.values())  # I4: whatever runs or waits, who is due is handed out
            return
        assert due[work.key] == min(due.values()) <= self.now  # first come, first served; and I1: running is inf
        marked_at = min([at for at, _ in self.plain[work.key].marks], default=math.inf)
        timer = self.plain[work.key].timer
        marked_at = min(marked_at, timer[0] if timer is not None and timer[0] <= self.now else math.inf)
        assert work.marked_at == marked_at
        assert work.wakes == self.plain[work.key].take(self.now)
        assert work.wakes
        self.starts[work.key] += 1
        assert self.starts[work.key] <= self.allowed[work.key]  # I3

    @rule(key=keys, gaps=st.lists(spans, max_size=6))
    def events_in_a_row(self, key: str, gaps: list[float]) -> None:
        for gap in gaps:
            self.mark(key, Wake.EVENT)
            self.next_at_is_the_earliest_due_time()
            self.now += gap

    @rule(key=keys)
    def a_quick_run(self, key: str) -> None:
        self.take()
        self.settle(key, None, Wake.RETRY)

    @rule(key=keys, again_in=st.none() | spans, wake=st.sampled_from([Wake.RETRY, Wake.RESYNC, Wake.RECHECK]))
    def settle(self, key: str, again_in: float | None, wake: Wake) -> None:
        if key in self.dropped_running:
            self.queue.settle(key, self.now, again_in=again_in, wake=wake)
            self.dropped_running.discard(key)
        elif key in self.plain and self.plain[key].is_running:
            self.queue.settle(key, self.now, again_in=again_in, wake=wake)
            self.plain[key].is_running = False
            if again_in is not None:
                self.plain[key].timer = (self.now + again_in, wake)
                self.allowed[key] += 1

    @precondition(lambda self: len(self.plain) > 1)
    @rule(key=keys)
    def drop(self, key: str) -> None:
        self.queue.drop(key)
        one = self.plain.pop(key, None)
        if one is not None and one.is_running:
            self.dropped_running.add(key)

    @rule(key=keys)
    def add(self, key: str) -> None:
        self.queue.add(key, DEBOUNCES[key])
        if key not in self.plain:
            self.plain[key] = Plain(DEBOUNCES[key], is_running=key in self.dropped_running)
            self.dropped_running.discard(key)

    @invariant()
    def next_at_is_the_earliest_due_time(self) -> None:
        earliest = min((one.due_at() for one in self.plain.values()), default=math.inf)
        assert self.queue.next_at() == (None if earliest == math.inf else earliest)

    @invariant()
    def running_is_known(self) -> None:
        for key in DEBOUNCES:
            expected = key in self.dropped_running or (key in self.plain and self.plain[key].is_running)
            assert self.queue.is_running(key) == expected

    def teardown(self) -> None:
        """I2: once runs are settled and time passes, nothing that was marked is left without a later start."""
        for key in DEBOUNCES:
            self.settle(key, None, Wake.RETRY)
        self.now += 1000
        for _ in DEBOUNCES:
            self.take()
        assert not any(one.marks for one in self.plain.values())
        assert self.queue.take(self.now) is None


QueueAgainstPlain.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestQueueAgainstPlain = QueueAgainstPlain.TestCase
