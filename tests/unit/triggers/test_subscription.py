"""The life of one stream: what it marks, what it tells, and that it ends when told to."""

from __future__ import annotations

import asyncio

import pytest

from config_sync.http.failures import StreamSilent
from config_sync.triggers.stream_state import StreamWord
from config_sync.workqueue import Wake
from tests.fake_streams import (
    Answer,
    FakeStream,
    FakeStreams,
    ending,
    live,
    not_offered,
    refused,
    refusing,
    sending,
)
from tests.unit.triggers.watching import RECONNECT, Told, running, subscription
from tests.virtual_clock import EPOCH, run


def test_becoming_live_marks_before_any_byte_and_events_mark_with_their_hint() -> None:
    async def story() -> Told:
        streams, told = FakeStreams(), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(1)
            assert told.wakes == [Wake.CONNECTED]
            streams.stream.change(3)
            await asyncio.sleep(1)
        return told

    told = run(story())
    assert told.wakes == [Wake.CONNECTED, Wake.EVENT]
    change = told.marks[1][2]
    assert change is not None
    assert (change.config, change.version, change.changed_by) == ("app", 3, 7)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b'{"config_name": "another", "version": 1}', id="another config"),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_event_that_says_nothing_of_this_config_marks_all_the_same(data: bytes) -> None:
    async def story() -> list[Wake]:
        streams, told = FakeStreams(otherwise=sending(b"data: " + data + b"\n\n")), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(1)
        return told.wakes

    assert run(story()) == [Wake.CONNECTED, Wake.EVENT]


def test_a_dropped_stream_is_opened_again_and_compared() -> None:
    async def story() -> tuple[Told, FakeStreams]:
        streams, told = FakeStreams(), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(1)
            streams.stream.fail()
            await asyncio.sleep(10)
        return told, streams

    told, streams = run(story())
    assert told.wakes == [Wake.CONNECTED, Wake.CONNECTED]
    assert 0 <= streams.gaps_s[0] - 1 <= RECONNECT.first_s
    assert told.words == [
        StreamWord.CONNECTING,
        StreamWord.LIVE,
        StreamWord.LOST,
        StreamWord.BACKING_OFF,
        StreamWord.CONNECTING,
        StreamWord.LIVE,
    ]


def test_state_tells_since_when_and_why() -> None:
    async def story() -> None:
        streams, told = FakeStreams().then(refusing), Told()
        watcher = subscription(streams, told, chance=lambda: 0.5)
        async with running(watcher):
            await asyncio.sleep(1)
            state = watcher.state
            assert (state.word, state.reason, state.reconnects) == (StreamWord.BACKING_OFF, "ServiceUnavailable", 0)
            assert state.message is not None
            assert "Connection refused" in state.message
            assert state.connected_since is None
            assert state.retry_at == pytest.approx(EPOCH + 2.501)
            await asyncio.sleep(9)
            streams.stream.comment()
            await asyncio.sleep(1)
            state = watcher.state
            assert (state.word, state.reason, state.reconnects, state.retry_at) == (StreamWord.LIVE, None, 1, None)
            assert state.connected_since == pytest.approx(EPOCH + 2.502)
            assert state.last_byte_at == pytest.approx(EPOCH + 10)

    run(story())


def test_comments_keep_a_stream_up() -> None:
    async def story() -> int:
        streams = FakeStreams()
        async with running(subscription(streams, Told())):
            await asyncio.sleep(1)
            for _ in range(600):
                streams.stream.comment()
                await asyncio.sleep(1)
        return len(streams.connects)

    assert run(story()) == 1


def test_streams_without_a_byte_are_counted_until_one_brings_one() -> None:
    async def story() -> list[int]:
        streams, told = (
            FakeStreams().then(live, ending, sending(b": hi\n\n", then_end=True), live, refusing, live),
            Told(),
        )
        async with running(subscription(streams, told)):
            await asyncio.sleep(600)
        return [state.barren for state in told.states if state.word is StreamWord.LOST][:6]

    assert run(story()) == [1, 2, 0, 1, 1, 2]


def test_a_connect_that_is_accepted_and_never_answered_counts_as_a_stream_without_a_byte() -> None:
    """Nginx that buffers holds even the head back, until some kilobytes of the stream are there."""

    def unanswering(stream: FakeStream) -> None:
        raise StreamSilent("no answer")

    async def story() -> list[int]:
        streams, told = FakeStreams().then(unanswering, unanswering, refusing, unanswering, live), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(600)
        return [state.barren for state in told.states if state.word is StreamWord.LOST][:4]

    assert run(story()) == [1, 2, 2, 3]


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "not-replaced"])
def test_a_refused_stream_is_asked_for_seldom_only_while_something_stands_in_for_it(is_replaced: bool) -> None:
    async def story() -> list[float]:
        streams = FakeStreams(otherwise=not_offered)
        async with running(subscription(streams, Told(), is_replaced=lambda _: is_replaced)):
            await asyncio.sleep(7200)
        return streams.gaps_s

    low, high = (480, 721) if is_replaced else (30, 61)
    assert all(low <= gap <= high for gap in run(story()))


def test_a_host_that_is_away_is_tried_as_ever_though_the_list_stands_in() -> None:
    async def story() -> list[float]:
        streams = FakeStreams(otherwise=refusing)
        async with running(subscription(streams, Told(), is_replaced=lambda _: True)):
            await asyncio.sleep(3600)
        return streams.gaps_s

    assert max(run(story())) <= 61


def test_last_event_id_is_kept_over_several_reconnects() -> None:
    async def story() -> list[str | None]:
        streams = FakeStreams().then(
            sending(b"id: 41\ndata: a\n\n", then_end=True), ending, sending(b"data: b\n\n", then_end=True), refusing
        )
        async with running(subscription(streams, Told())):
            await asyncio.sleep(300)
        return [connect.last_event_id for connect in streams.connects[:5]]

    assert run(story()) == [None, "41", "41", "41", "41"]


def test_a_burst_of_a_thousand_events_marks_in_one_go() -> None:
    async def story() -> tuple[Told, float]:
        streams, told = FakeStreams(), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(1)
            for version in range(1000):
                streams.stream.change(version)
            await asyncio.sleep(0.001)
        return told, told.marks[-1][0] - told.marks[1][0]

    told, took = run(story())
    assert len(told.marks) == 1001
    assert took == 0
    last = told.marks[-1][2]
    assert last is not None
    assert last.version == 999


@pytest.mark.parametrize(
    ("flood", "reason"),
    [
        pytest.param([b": " + b"x" * 1000 + b"\n"] * 1100, "StreamIdleTalk", id="comments without end"),
        pytest.param([b"data: " + b"x" * 65_536] * 80, "StreamTooLarge", id="a line without end"),
    ],
)
def test_a_flood_without_an_event_drops_the_stream(flood: list[bytes], reason: str) -> None:
    async def story() -> tuple[FakeStreams, Told]:
        streams, told = FakeStreams().then(sending(*flood)), Told()
        async with running(subscription(streams, told)):
            await asyncio.sleep(80)
        return streams, told

    streams, told = run(story())
    assert reason in {state.reason for state in told.states}
    first = streams.connects[0].stream
    assert first is not None
    assert first.is_closed
    assert len(streams.connects) == 2
    assert told.states[-1].word is StreamWord.LIVE


@pytest.mark.parametrize(
    "answer", [live, refusing, refused(401), sending(b"data: half")], ids=["live", "refused", "slow", "mid-event"]
)
def test_cancelling_ends_without_time_passing_and_closes_the_stream(answer: Answer) -> None:
    async def story() -> tuple[float, FakeStreams]:
        streams = FakeStreams(otherwise=answer)
        async with running(subscription(streams, Told(), chance=lambda: 0.9)):
            await asyncio.sleep(2)
        return asyncio.get_running_loop().time(), streams

    ended_at, streams = run(story())
    assert ended_at == 2
    assert not streams.open_streams


def test_cancelling_during_the_connect_leaves_nothing_open() -> None:
    async def story() -> FakeStreams:
        streams = FakeStreams(latency_s=1.0)
        async with running(subscription(streams, Told())):
            await asyncio.sleep(0.5)
        return streams

    streams = run(story())
    assert streams.connecting == 0
    assert not streams.open_streams
