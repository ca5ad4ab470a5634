"""The queue in situations: bursts, backoffs, hot keys, many keys."""

from __future__ import annotations

import itertools

import pytest

from config_sync.model import Debounce
from config_sync.workqueue import Wake, Work, WorkQueue

FAST = Debounce(0.1, 0.4)


def queue_of(*keys: str, debounce: Debounce = FAST) -> WorkQueue:
    queue = WorkQueue()
    for key in keys:
        queue.add(key, debounce)
    return queue


def starts(queue: WorkQueue, marks: list[float], *, until: float, took_s: float = 0.0) -> list[float]:
    """Times at which runs of the one key start, when events come at `marks` and each run takes `took_s`."""
    started: list[float] = []
    events, now, settle_at = list(marks), 0.0, float("inf")
    while now <= until:
        if settle_at <= now:
            queue.settle("app", now, again_in=None)
            settle_at = float("inf")
        while events and events[0] <= now:
            queue.mark("app", Wake.EVENT, events.pop(0))
        if settle_at == float("inf") and queue.take(now) is not None:
            started.append(round(now, 6))
            settle_at = now + took_s
            continue
        due = queue.next_at()
        coming = (settle_at, events[0] if events else float("inf"), due if due is not None else float("inf"))
        now = min(time for time in (*coming, until + 1) if time >= now)
    return started


def test_an_event_every_50_ms_publishes_at_once_then_at_most_every_400_ms_and_the_last_within_min() -> None:
    marks = [round(0.05 * number, 6) for number in range(41)]
    started = starts(queue_of("app"), marks, until=5, took_s=0.005)
    assert started[0] == 0
    assert all(later - earlier >= 0.4 for earlier, later in itertools.pairwise(started[:-1]))
    assert marks[-1] <= started[-1] <= marks[-1] + 0.1 + 1e-9
    assert 5 <= len(started) <= 7


def test_fifty_events_in_200_ms_are_two_runs() -> None:
    queue = queue_of("app", debounce=Debounce(0.2, 2.0))
    started = starts(queue, [number * 0.004 for number in range(50)], until=5)
    assert started == [0, pytest.approx(0.196 + 0.2)]


def test_single_changes_after_quiet_go_at_once() -> None:
    assert starts(queue_of("app"), [0.0, 1.0, 1.5], until=3) == [0.0, 1.0, 1.5]


def test_an_event_during_a_run_starts_another_right_after_it() -> None:
    assert starts(queue_of("app"), [0.0, 0.5], until=5, took_s=2.0) == [0.0, 2.0]


def test_a_due_key_that_finds_no_worker_is_not_pushed_back_by_more_events() -> None:
    queue = queue_of("app")
    for at in (0.0, 0.05, 1.0, 2.0):
        queue.mark("app", Wake.EVENT, at)
    assert queue.next_at() == 0.0
    assert queue.take(2.0) == Work("app", frozenset({Wake.EVENT}), 0.0)


@pytest.mark.parametrize("wake", [wake for wake in Wake if wake is not Wake.EVENT])
def test_a_wake_up_that_is_no_event_does_not_wait_for_quiet_and_takes_the_events_along(wake: Wake) -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.EVENT, 0.0)
    assert queue.take(0.0) is not None
    queue.settle("app", 0.0, again_in=None)
    queue.mark("app", Wake.EVENT, 0.01)
    assert queue.take(0.02) is None
    queue.mark("app", wake, 0.03)
    queue.mark("app", Wake.EVENT, 0.04)
    assert queue.take(0.05) == Work("app", frozenset({Wake.EVENT, wake}), 0.01)
    queue.settle("app", 0.06, again_in=None)
    assert queue.next_at() is None


@pytest.mark.parametrize("wake", list(Wake))
def test_any_mark_comes_before_a_long_backoff_and_a_start_clears_it(wake: Wake) -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.START, 0.0)
    queue.take(0.0)
    queue.settle("app", 1.0, again_in=60.0)
    assert queue.next_at() == 61.0
    queue.mark("app", wake, 5.0)
    assert queue.take(5.0) == Work("app", frozenset({wake}), 5.0)
    queue.settle("app", 6.0, again_in=None)
    assert queue.next_at() is None


def test_a_timer_hands_out_with_its_own_reason() -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.START, 0.0)
    queue.take(0.0)
    queue.settle("app", 0.0, again_in=0.25, wake=Wake.RECHECK)
    assert queue.take(0.2) is None
    assert queue.take(0.3) == Work("app", frozenset({Wake.RECHECK}), 0.25)


def test_a_slow_key_does_not_hold_back_the_others() -> None:
    queue = queue_of("slow", "quick")
    queue.mark("slow", Wake.START, 0.0)
    assert queue.take(0.0) is not None
    for turn in range(1, 100):
        queue.mark("slow", Wake.COMMAND, float(turn))
        queue.mark("quick", Wake.COMMAND, float(turn))
        work = queue.take(float(turn))
        assert work is not None
        assert work.key == "quick"
        queue.settle("quick", float(turn), again_in=None)


def test_a_key_that_is_always_due_takes_turns_with_the_others() -> None:
    queue = queue_of("hot", "cold")
    queue.mark("hot", Wake.COMMAND, 0.0)
    queue.mark("cold", Wake.COMMAND, 0.5)
    served: list[str] = []
    for turn in range(4):
        work = queue.take(float(turn))
        if work is None:
            break
        served.append(work.key)
        queue.mark("hot", Wake.COMMAND, turn + 0.6)
        queue.settle(work.key, turn + 0.7, again_in=None)
    assert served == ["hot", "cold", "hot", "hot"]


def test_a_key_dropped_and_added_during_its_run_does_not_run_twice_at_once() -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.START, 0.0)
    queue.take(0.0)
    queue.drop("app")
    queue.mark("app", Wake.EVENT, 0.5)
    queue.add("app", FAST)
    queue.mark("app", Wake.SETTINGS, 1.0)
    assert queue.take(1.0) is None
    queue.settle("app", 2.0, again_in=300.0)
    assert queue.take(2.0) == Work("app", frozenset({Wake.SETTINGS}), 1.0)


def test_a_dropped_key_is_gone_with_its_marks_and_late_marks_are_ignored() -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.START, 0.0)
    queue.drop("app")
    queue.mark("app", Wake.EVENT, 0.0)
    assert queue.next_at() is None
    queue.add("app", FAST)
    assert queue.take(9.0) is None


def test_adding_a_known_key_keeps_its_marks() -> None:
    queue = queue_of("app")
    queue.mark("app", Wake.EVENT, 0.0)
    queue.add("app", Debounce(1.0, 5.0))
    assert queue.take(0.0) is not None


def test_settling_what_does_not_run_is_a_bug_and_said() -> None:
    queue = queue_of("app")
    with pytest.raises(ValueError, match="app is not running"):
        queue.settle("app", 0.0, again_in=None)


def test_a_thousand_keys_and_a_hundred_thousand_marks_leave_no_heap_behind() -> None:
    keys = [f"app-{number}" for number in range(1000)]
    queue = queue_of(*keys)
    now = 0.0
    for turn in range(100):
        for key in keys:
            now += 0.001
            queue.mark(key, Wake.EVENT if turn % 2 else Wake.COMMAND, now)
        while (work := queue.take(now + 0.1)) is not None:
            queue.settle(work.key, now, again_in=300.0)
    assert len(queue._heap) <= 2 * len(keys) + 64
