"""When a lost stream is opened again; two hours pass in a blink."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from config_sync.errors import Unauthorized, UnexpectedResponse
from config_sync.workqueue import Wake
from tests.fake_streams import (
    Answer,
    FakeStream,
    FakeStreams,
    ending,
    live,
    refused,
    refusing,
    sending,
    unavailable,
)
from tests.unit.triggers.watching import IDLE_S, RECONNECT, Told, running, subscription
from tests.virtual_clock import run


def test_a_server_that_accepts_and_closes_at_once_gets_a_handful_of_connects_a_minute() -> None:
    async def story() -> FakeStreams:
        streams = FakeStreams(otherwise=ending)
        async with running(subscription(streams, Told())):
            await asyncio.sleep(60)
        return streams

    assert 2 <= len(run(story()).connects) <= 10


def test_backoff_grows_over_short_lives_and_starts_over_after_a_long_one() -> None:
    async def story() -> FakeStreams:
        streams = FakeStreams().then(ending, ending, ending, ending, ending, live)
        async with running(subscription(streams, Told(), chance=lambda: 0.999)):
            await asyncio.sleep(200)
            stream = streams.stream
            for _ in range(4):
                stream.comment()
                await asyncio.sleep(30)
            stream.end()
            await asyncio.sleep(6)
        return streams

    streams = run(story())
    assert [round(gap) for gap in streams.gaps_s[:5]] == [5, 10, 20, 40, 60]
    assert len(streams.connects) == 7
    assert streams.connects[6].at < 200 + 120 + 6


def test_two_hours_of_refusals_stay_within_a_budget_of_connects_and_memory() -> None:
    async def story() -> tuple[FakeStreams, int]:
        streams, told = FakeStreams(otherwise=refusing), Told()
        async with running(subscription(streams, told)) as tasks:
            await asyncio.sleep(600)
            streams.connects.clear()
            told.states.clear()
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(12):
                await asyncio.sleep(600)
                assert not tasks[0].done()
                seen = len(streams.connects)
                told.states.clear()
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert told.marks == []
            assert seen <= 330  # one every 30 s on average is 240
        return streams, after - before

    streams, grown = run(story())
    assert len(streams.connects) >= 150
    assert grown < 300_000  # the fake's own list included


def test_silence_reconnects_after_idle_timeout_and_is_no_growing_backoff() -> None:
    async def story() -> tuple[FakeStreams, Told]:
        streams, told = FakeStreams(), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(3600)
        return streams, told

    streams, told = run(story())
    assert all(IDLE_S <= gap <= IDLE_S + RECONNECT.first_s + 0.1 for gap in streams.gaps_s)
    assert told.wakes.count(Wake.CONNECTED) == len(streams.connects) >= 37
    assert {state.reason for state in told.states} == {None, "StreamSilent"}
    assert len(streams.open_streams) == 0


@pytest.mark.parametrize(
    ("answer", "at_least", "at_most"),
    [
        pytest.param(unavailable(300.0), 300, 305, id="Retry-After at its cap"),
        pytest.param(unavailable(7.0), 7, 12, id="Retry-After above the first delay"),
        pytest.param(unavailable(0.0), 0, 5, id="Retry-After in the past"),
        pytest.param(unavailable(None), 0, 5, id="no usable Retry-After"),
        pytest.param(sending(b"retry: 20000\n\n", then_end=True), 20, 25, id="retry of the stream"),
        pytest.param(sending(b"retry: 99999999999\n\n", then_end=True), 300, 305, id="retry is capped"),
        pytest.param(sending(b"retry: -5\n\n", then_end=True), 0, 5, id="retry that is no number"),
    ],
)
def test_what_the_server_asks_for_is_a_floor_and_never_the_same_instant_for_all(
    answer: Answer, at_least: float, at_most: float
) -> None:
    async def story(chance: float) -> float:
        streams = FakeStreams().then(answer)
        async with running(subscription(streams, Told(), chance=lambda: chance)):
            await asyncio.sleep(400)
        return streams.gaps_s[0]

    early, late = run(story(0.01)), run(story(0.9))
    assert at_least <= early < late <= at_most + 0.1


def test_retry_of_a_stream_stays_for_later_reconnects() -> None:
    async def story() -> list[float]:
        streams = FakeStreams(otherwise=refusing).then(sending(b"retry: 30000\n\n", then_end=True))
        async with running(subscription(streams, Told(), chance=lambda: 0.1)):
            await asyncio.sleep(200)
        return streams.gaps_s

    assert all(gap >= 30 for gap in run(story()))


@pytest.mark.parametrize("status", [401, 403, 404, 525])
def test_where_a_person_must_act_it_is_tried_slowly(status: int) -> None:
    async def story() -> FakeStreams:
        streams = FakeStreams(otherwise=refused(status))
        async with running(subscription(streams, Told())):
            await asyncio.sleep(3600)
        return streams

    assert all(30 <= gap <= 61 for gap in run(story()).gaps_s)


@pytest.mark.parametrize("reason", ["WatchNotOffered", "NotAnEventStream"])
def test_an_answer_that_is_no_stream_marks_nothing_and_is_tried_slowly(reason: str) -> None:
    class Odd(UnexpectedResponse):
        pass

    def answer(stream: FakeStream) -> None:
        error = Odd("no stream here")
        error.reason = reason
        raise error

    async def story() -> tuple[FakeStreams, Told]:
        streams, told = FakeStreams(otherwise=answer), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(600)
        return streams, told

    streams, told = run(story())
    assert all(30 <= gap <= 61 for gap in streams.gaps_s)
    assert told.marks == []
    assert told.states[-1].reason == reason


def test_new_credentials_end_the_slow_wait_at_once() -> None:
    async def story() -> tuple[float, Told]:
        streams, told = FakeStreams().then(refused(401)), Told()
        watcher = subscription(streams, told)
        async with running(watcher):
            await asyncio.sleep(2)
            watcher.retry_now()
            await asyncio.sleep(0.01)
        return streams.connects[1].at, told

    at, told = run(story())
    assert at == 2
    assert told.wakes == [Wake.CONNECTED]


def test_credentials_that_change_during_the_connect_are_tried_after_it() -> None:
    async def story() -> list[float]:
        streams = FakeStreams(latency_s=0.5).then(refused(401))
        watcher = subscription(streams, Told())
        async with running(watcher):
            await asyncio.sleep(0.2)
            watcher.retry_now()
            await asyncio.sleep(2)
        return [connect.at for connect in streams.connects]

    assert run(story()) == [0.0, 0.5]


def test_new_credentials_do_not_shorten_the_wait_for_a_host_that_is_away() -> None:
    async def story() -> int:
        streams = FakeStreams(otherwise=refusing)
        watcher = subscription(streams, Told(), chance=lambda: 0.9)
        async with running(watcher):
            await asyncio.sleep(1)
            watcher.retry_now()
            await asyncio.sleep(1)
        return len(streams.connects)

    assert run(story()) == 1


def test_a_connect_without_an_answer_ends_as_a_failure() -> None:
    async def story() -> tuple[FakeStreams, Told]:
        streams, told = FakeStreams(latency_s=1e6), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(IDLE_S + 1)
        return streams, told

    streams, told = run(story())
    assert streams.connecting == 0
    assert told.states[-1].reason == "ServiceUnavailable"


def test_credentials_that_changed_in_a_streams_life_shorten_no_wait_after_it() -> None:
    async def story() -> int:
        streams = FakeStreams()
        watcher = subscription(streams, Told())
        async with running(watcher):
            await asyncio.sleep(1)
            watcher.retry_now()
            await asyncio.sleep(1)
            streams.stream.fail(Unauthorized("no longer"))
            await asyncio.sleep(20)
        return len(streams.connects)

    assert run(story()) == 1
