"""Bytes in, events out: the cases of the design, the bounds, and what an event says of a change."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from config_sync.model import ChangeEvent
from config_sync.sse import MAX_RETRY_MS, ServerEvent, SseDecoder, StreamTooLarge, parse_change

CASES: list[dict[str, object]] = json.loads((Path(__file__).parents[1] / "data" / "sse_cases.json").read_text())[
    "cases"
]


def chunks_of(case: dict[str, object]) -> list[bytes]:
    chunks = case["chunks_hex"]
    if chunks is None:
        assert case["bytes_note"] == "retry: followed by 5000 nines"
        return [b"retry: " + b"9" * 5000 + b"\n\n"]
    assert isinstance(chunks, list)
    return [bytes.fromhex(chunk) for chunk in chunks]


def decoded(*chunks: bytes, decoder: SseDecoder | None = None) -> list[ServerEvent]:
    decoder = decoder or SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize("case", [case for case in CASES if "events" in case], ids=lambda case: str(case["name"]))
def test_the_events_of_a_case_whole_and_byte_by_byte(case: dict[str, object]) -> None:
    wanted = case["events"]
    assert isinstance(wanted, list)
    expected = [ServerEvent(one["event"], one["data"], one["last_event_id"]) for one in wanted]
    assert decoded(*chunks_of(case)) == expected
    assert decoded(*(bytes([byte]) for chunk in chunks_of(case) for byte in chunk)) == expected


@pytest.mark.parametrize("case", [case for case in CASES if "retry" in case], ids=lambda case: str(case["name"]))
def test_only_ascii_digits_are_a_retry_and_a_huge_one_is_capped(case: dict[str, object]) -> None:
    decoder = SseDecoder()
    decoded(*chunks_of(case), decoder=decoder)
    assert decoder.retry_ms == (None if case["retry"] is None else MAX_RETRY_MS)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"retry: 2500\n\n", 2500, id="plain"),
        pytest.param(b"retry:0\n\n", 0, id="zero"),
        pytest.param(b"retry: 0000000000007\n\n", 7, id="leading zeros"),
        pytest.param(b"retry: 10\nretry: nonsense\n", 10, id="nonsense keeps the former"),
        pytest.param(b"retry\n\n", None, id="no value"),
        pytest.param(b"retry: 10", None, id="no line end"),
    ],
)
def test_retry_counts_once_its_line_is_complete(stream: bytes, expected: int | None) -> None:
    decoder = SseDecoder()
    decoded(stream, decoder=decoder)
    assert decoder.retry_ms == expected


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"event: change\ndata: a\n\ndata: b\n\n", [("change", "a"), ("message", "b")], id="type resets"),
        pytest.param(b"event: x\n\ndata: b\n\n", [("message", "b")], id="type without data resets"),
        pytest.param(b"event\ndata: a\n\n", [("message", "a")], id="empty type"),
        pytest.param(b"data: a\ndata: b\ndata:\n\n", [("message", "a\nb\n")], id="lines of data"),
        pytest.param("data: a\u0085b\u2029c\n\n".encode(), [("message", "a\u0085b\u2029c")], id="no line ends"),
        pytest.param(b"data: \xe2\x82\n\n", [("message", "\ufffd")], id="cut sequence at the line end"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [], id="only one BOM is dropped"),
        pytest.param(b"\xef\xbbdata: a\n\n", [], id="half a BOM"),
        pytest.param(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", "a")], id="a BOM later is content"),
        pytest.param(b" data: a\n\n", [], id="leading space"),
        pytest.param(b"data : a\n\n", [], id="space before the colon"),
        pytest.param(b"\n\r\n\r\r\n", [], id="blank lines"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_what_the_standard_says_of_fields(stream: bytes, expected: list[tuple[str, str]]) -> None:
    events = [(event.event, event.data) for event in decoded(stream)]
    assert events == expected
    assert [(event.event, event.data) for event in decoded(*(bytes([byte]) for byte in stream))] == expected


def test_an_id_with_nul_is_ignored_and_one_without_data_still_counts() -> None:
    decoder = SseDecoder(last_event_id="0")
    decoder.feed(b"id: 5\n")
    assert decoder.last_event_id == "0"
    decoder.feed(b"\n")
    assert decoder.last_event_id == "5"
    decoder.feed(b"id: 6\x00\n\n")
    assert decoder.last_event_id == "5"


def test_the_id_of_the_connection_before_is_kept_until_the_server_says_another() -> None:
    decoder = SseDecoder(last_event_id="41")
    assert decoder.feed(b"data: a\n\n") == [ServerEvent("message", "a", "41")]
    assert decoder.feed(b"id: 42\ndata: b\n\n") == [ServerEvent("message", "b", "42")]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * 200 + b"\n\n", id="data line"),
        pytest.param(b": " + b"x" * 200, id="comment without an end"),
        pytest.param(b"data: xxxxxxxxxxxxxxxxxxxxxxx\n" * 20, id="many lines of one event"),
        pytest.param(b"data\n" * 1000, id="empty lines of one event"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000], ids=["bytes", "sevens", "whole"])
def test_over_a_bound_it_refuses_for_good_after_what_came_before(stream: bytes, size: int) -> None:
    decoder = SseDecoder(max_line=100, max_event=300)
    whole = b"data: good\n\n" + stream + b"\n\ndata: never\n\n"
    events: list[ServerEvent] = []

    def read_on() -> None:
        for start in range(0, len(whole), size):
            events.extend(decoder.feed(whole[start : start + size]))
        decoder.feed(b"data: never\n\n")

    with pytest.raises(StreamTooLarge, match="over") as caught:
        read_on()
    assert [event.data for event in events] == ["good"]
    assert caught.value.reason == "StreamTooLarge"
    with pytest.raises(StreamTooLarge):
        decoder.feed(b"")


def test_a_line_and_an_event_at_their_bounds_pass() -> None:
    decoder = SseDecoder(max_line=100, max_event=95)
    assert decoder.feed(b"data: " + b"x" * 94 + b"\r\n\r\n")[0].data == "x" * 94


def test_bytes_without_an_event_are_counted_and_data_are_not() -> None:
    decoder = SseDecoder()
    decoder.feed(b": 1234567\n\n" * 10)
    assert decoder.bytes_without_event == 110
    decoder.feed(b"data: " + b"x" * 1000 + b"\n")
    assert decoder.bytes_without_event == 110
    decoder.feed(b"\n")
    assert decoder.bytes_without_event == 0


@pytest.mark.parametrize("size", [64, 1460, 65_536], ids=["tiny", "packets", "large"])
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * (2 * 1024**2) + b"\n\n", id="one line"),
        pytest.param(b"data: abcdefgh\n" * 140_000 + b"\n", id="many lines"),
    ],
)
def test_an_event_of_2_mib_takes_linear_time(stream: bytes, size: int) -> None:
    decoder = SseDecoder()
    started = time.process_time()
    events = decoded(*(stream[start : start + size] for start in range(0, len(stream), size)), decoder=decoder)
    assert len(events) == 1
    assert time.process_time() - started < 2  # takes some 0.1 s; a quadratic one takes minutes


def change(**parts: object) -> str:
    said: dict[str, object] = {
        "config_name": "app",
        "version": 3,
        "changed_by": 7,
        "timestamp": "2026-03-01T10:00:00.5Z",
    }
    return json.dumps({**said, **parts})


def test_a_change_is_read_whole() -> None:
    assert parse_change(change()) == ChangeEvent(config="app", version=3, changed_by=7, timestamp=1772359200.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-03-01T10:00:00Z", 1772359200.0, id="seconds"),
        pytest.param("2026-03-01T10:00:00.123456789Z", 1772359200.123456789, id="nanoseconds"),
        pytest.param("2026-03-01T12:30:00.25+02:30", 1772359200.25, id="offset east"),
        pytest.param("2026-03-01T02:00:00-08:00", 1772359200.0, id="offset west"),
        pytest.param("2026-03-01t10:00:00z", 1772359200.0, id="lower case"),
        pytest.param("1990-12-31T23:59:60Z", 662688000.0, id="leap second"),
        pytest.param("1969-12-31T23:59:59.5Z", -0.5, id="before 1970"),
        pytest.param("0001-01-01T00:00:00Z", None, id="Go's zero time"),
        pytest.param("9999-12-31T23:59:59-01:00", None, id="a year of five digits"),
        pytest.param("2026-02-30T10:00:00Z", None, id="no such day"),
        pytest.param("2026-03-01T10:00:00", None, id="no zone"),
        pytest.param("2026-03-01T10:00:00+25:00", None, id="no such offset"),
        pytest.param("2026-03-01T10:00:00." + "1" * 5000 + "Z", None, id="endless fraction"),
        pytest.param("yesterday", None, id="words"),
        pytest.param(1772359200, None, id="a number"),
        pytest.param(None, None, id="null"),
    ],
)
def test_the_time_is_rfc_3339_as_go_writes_it(text: object, expected: float | None) -> None:
    found = parse_change(change(timestamp=text))
    assert found is not None
    assert found.timestamp == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    ("version", "expected"),
    [(3, 3), (3.0, 3), (0, 0), (3.5, None), (-1, None), ("3", None), (True, None), (2**63, None), ([], None)],
    ids=["whole", "float", "zero", "fraction", "negative", "text", "boolean", "too large", "list"],
)
def test_a_version_that_is_no_whole_number_is_absent_and_the_rest_stays(version: object, expected: int | None) -> None:
    assert parse_change(change(version=version)) == ChangeEvent("app", expected, 7, 1772359200.5)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("hello", id="text"),
        pytest.param("[1]", id="list"),
        pytest.param("null", id="null"),
        pytest.param('{"version": 3}', id="no name"),
        pytest.param('{"config_name": 3}', id="name is a number"),
        pytest.param('{"config_name": ""}', id="empty name"),
        pytest.param(json.dumps({"config_name": "x" * 300}), id="endless name"),
        pytest.param('{"config_name": "app", "version": ' + "9" * 5000 + "}", id="endless number"),
        pytest.param("[" * 60_000, id="deep"),
        pytest.param('{"config_name": "app", "more": "' + "x" * 70_000 + '"}', id="over the bound"),
    ],
)
def test_what_says_nothing_of_a_change_is_none(data: str) -> None:
    assert parse_change(data) is None


def test_odd_floats_are_absent() -> None:
    found = parse_change('{"config_name": "app", "version": NaN, "changed_by": 1e999}')
    assert found == ChangeEvent("app")
