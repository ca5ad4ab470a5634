"""An outage is two lines, whatever happens in between."""

from __future__ import annotations

import asyncio

import structlog

from tests.fake_streams import FakeStreams, ending, live, refused, refusing
from tests.unit.triggers.watching import Told, running, subscription
from tests.virtual_clock import run


def lines(streams: FakeStreams, *, within_s: float, keep_alive: bool = False) -> list[tuple[str, str, str]]:
    """Level, event and reason of what was logged above debug."""

    async def story() -> None:
        async with running(subscription(streams, Told())):
            for _ in range(round(within_s / 10)):
                if keep_alive and streams.open_streams:
                    streams.stream.comment()
                await asyncio.sleep(10)

    with structlog.testing.capture_logs() as logs:
        run(story())
    return [(line["log_level"], line["event"], line.get("reason", "")) for line in logs if line["log_level"] != "debug"]


def test_a_first_connect_is_one_line() -> None:
    assert lines(FakeStreams(), within_s=80) == [("info", "stream.connected", "")]


def test_an_hour_of_refusals_is_one_line_and_recovering_closes_it() -> None:
    streams = FakeStreams().then(*[refusing] * 100)
    assert lines(streams, within_s=6 * 3600, keep_alive=True) == [
        ("warning", "stream.lost", "ServiceUnavailable"),
        ("info", "stream.recovered", ""),
    ]


def test_a_server_that_accepts_and_closes_at_once_never_counts_as_recovered() -> None:
    assert lines(FakeStreams(otherwise=ending), within_s=3600) == [
        ("info", "stream.connected", ""),
        ("warning", "stream.lost", "StreamEnded"),
    ]


def test_a_new_reason_within_an_outage_is_told_and_one_for_a_person_is_an_error() -> None:
    streams = FakeStreams().then(refusing, refused(401), refusing, refused(401), live)
    assert lines(streams, within_s=600, keep_alive=True) == [
        ("warning", "stream.lost", "ServiceUnavailable"),
        ("error", "stream.lost", "Unauthorized"),
        ("info", "stream.recovered", ""),
    ]


def test_hours_of_silent_streams_are_no_news() -> None:
    assert lines(FakeStreams(), within_s=4 * 3600) == [("info", "stream.connected", "")]


def test_a_proxy_that_recycles_long_lived_streams_is_no_news() -> None:
    async def story() -> None:
        streams = FakeStreams()
        async with running(subscription(streams, Told())):
            for _ in range(10):
                await asyncio.sleep(70)
                streams.stream.end()
                await asyncio.sleep(6)

    with structlog.testing.capture_logs() as logs:
        run(story())
    assert [line["event"] for line in logs if line["log_level"] != "debug"] == ["stream.connected"]
