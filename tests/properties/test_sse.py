"""Any split of any stream gives the same events, and the same as an independent reading of the standard."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from config_sync.sse import ServerEvent, SseDecoder, StreamTooLarge, parse_change

FRAGMENTS = [
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b": ",
    b" ",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\xef\xbb\xbf",
    b"\xe2\x82\xac",
    b"\xe2\x82",
    b"\xf0\x9f",
    b"\xff",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\x0b\x0c\x1c",
    b"\x00",
    b"12",
    b"x",
    b"data: a\n\n",
    b"id: 7\ndata: b\n\n",
    b": ka\n\n",
]
streams = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=40).map(b"".join)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def decode(chunks: list[bytes], *, max_line: int = 10**6, max_event: int = 10**6) -> tuple[object, ...]:
    decoder = SseDecoder(max_line=max_line, max_event=max_event)
    events: list[ServerEvent] = []
    is_refused = False
    try:
        for chunk in (*chunks, b""):
            events += decoder.feed(chunk)
    except StreamTooLarge:
        is_refused = True
        return events, is_refused
    return events, is_refused, decoder.retry_ms, decoder.last_event_id, decoder.bytes_without_event


def by_the_book(stream: bytes) -> list[ServerEvent]:
    """The standard's own steps: decode the whole stream, split it into lines, interpret each."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\r|\n", text)
    events: list[ServerEvent] = []
    data = kind = identifier = ""
    for line in lines:
        if line == "":
            if data != "":
                events.append(ServerEvent(kind or "message", data[:-1], identifier))
            data = kind = ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data += value + "\n"
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            identifier = value
    return events


@given(stream=streams, cuts=st.lists(st.integers(min_value=0), max_size=30))
def test_any_split_gives_the_same(stream: bytes, cuts: list[int]) -> None:
    assert decode(split(stream, cuts)) == decode([stream])


@given(stream=streams, cuts=st.lists(st.integers(min_value=0), max_size=30))
def test_any_split_meets_a_bound_after_the_same_events(stream: bytes, cuts: list[int]) -> None:
    assert decode(split(stream, cuts), max_line=12, max_event=20) == decode([stream], max_line=12, max_event=20)


@given(stream=streams)
def test_the_events_are_those_of_the_standard(stream: bytes) -> None:
    assert decode([stream])[0] == by_the_book(stream)


@given(data=st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr))
def test_parsing_a_change_never_raises(data: str) -> None:
    parse_change(data)
