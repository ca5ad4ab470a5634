"""The agent's own threads: slots taken, lent and given back, and how long the oldest has been at it."""

from __future__ import annotations

import threading

from config_sync.agent.workers import Job, Threads
from tests.waiting import eventually


def waiting_for(event: threading.Event) -> Job:
    """A job that lasts until the event."""

    def job() -> None:
        event.wait(60)

    return job


def room(workers: Threads) -> bool:
    """Whether a slot is free now."""
    return workers.has_room


def test_a_slot_is_taken_until_the_job_ends_and_room_is_told() -> None:
    workers, go, told = Threads(at_work=1), threading.Event(), threading.Event()
    workers.on_room = told.set
    workers.start("a", waiting_for(go))
    assert not room(workers)
    assert not workers.idle(0)
    go.set()
    assert told.wait(60)
    assert workers.idle(10)
    assert room(workers)


def test_a_lent_slot_makes_room_and_is_not_counted_as_stuck() -> None:
    workers, inside, go, after = Threads(at_work=1), threading.Event(), threading.Event(), threading.Event()
    end = threading.Event()

    def job() -> None:
        with workers.lent():
            inside.set()
            go.wait(60)
        after.set()
        end.wait(60)

    workers.start("a", job)
    assert inside.wait(60)
    assert room(workers)
    assert workers.longest_s() == 0.0
    go.set()
    assert after.wait(60)
    assert not room(workers)
    assert eventually(lambda: workers.longest_s() > 0.0)
    end.set()
    assert workers.idle(10)
    assert workers.longest_s() == 0.0


def test_a_job_that_comes_back_from_a_wait_does_not_stand_in_line() -> None:
    workers, inside, go = Threads(at_work=1), threading.Event(), threading.Event()
    done, other = threading.Event(), threading.Event()

    def waiting() -> None:
        with workers.lent():
            inside.set()
            go.wait(60)
        done.set()

    workers.start("waiting", waiting)
    assert inside.wait(60)
    workers.start("stranger", waiting_for(other))
    go.set()
    assert done.wait(60)
    assert eventually(lambda: not room(workers))
    other.set()
    assert workers.idle(10)
    assert room(workers)


def test_room_comes_back_however_often_a_slot_is_lent() -> None:
    workers = Threads(at_work=4)
    counts: list[int] = []

    def job() -> None:
        for _ in range(50):
            with workers.lent():
                pass
        counts.append(1)

    for number in range(4):
        workers.start(str(number), job)
    assert workers.idle(10)
    assert len(counts) == 4
    for number in range(4):
        assert room(workers)
        workers.start(str(number), lambda: None)
        assert workers.idle(10)
