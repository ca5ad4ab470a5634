"""Whatever comes over the wire, a call gives a value or raises one of ours; and a watch goes on."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config_sync import ConfigClient, ConfigClientError, Options
from tests.faults import Conversation, FaultServer, head
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import METHODS, ask, sealed
from tests.unit.sdk.watches import Watching, event
from tests.waiting import eventually

json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
bodies = st.binary(max_size=200) | json_texts | st.one_of(st.binary(max_size=100), json_texts).map(sealed)
header_names = st.sampled_from(
    ["Content-Type", "ETag", "X-Config-Version", "Retry-After", "Location", "Date", "Content-Encoding", "X-Other"]
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30).map(str.strip)
heads = st.builds(head, st.integers(200, 599), st.dictionaries(header_names, header_values))
answers = st.binary(max_size=300) | st.builds(bytes.__add__, heads, bodies)

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("shape", ["sync", "sync-given", "async"])
@quick
@given(raw=answers, method=st.sampled_from(METHODS))
@example(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", method="get_raw")
@example(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\n", method="list")
@example(raw=b"HTTP/1.1 101 Switching Protocols\r\n\r\n", method="get_bytes")
@example(raw=b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n", method="get_raw")
@example(raw=b"HTTP/1.1 999 Odd\r\n\r\n", method="get_raw")
@example(raw=b"HTTP/1.1 099 Odd\r\n\r\n", method="get_raw")
def test_any_bytes_for_an_answer(shape: str, raw: bytes, method: str) -> None:
    def play(conversation: Conversation) -> None:
        conversation.send(raw)

    with FaultServer(play) as server, contextlib.suppress(ConfigClientError):
        ask(shape, server.url, method, timeout_s=2.0)


@given(document=st.binary(max_size=100) | json_texts)
@quick
def test_any_bytes_for_a_document(document: bytes) -> None:
    def play(conversation: Conversation) -> bool:
        body = sealed(document)
        conversation.send(head(headers={"Content-Length": str(len(body))}) + body)
        return True

    with FaultServer(play) as server, ConfigClient(Options(server.url, TOKEN, KEY, retry_count=0)) as client:
        assert client.get_bytes("app") == document
        with contextlib.suppress(ConfigClientError):
            assert isinstance(client.get_raw("app"), dict)


@pytest.mark.parametrize("shape", ["sync", "sync-given", "async"])
@settings(max_examples=15, deadline=None)
@given(noise=st.binary(max_size=300))
def test_any_bytes_in_a_stream(shape: str, noise: bytes) -> None:
    start = head(headers={"Content-Type": "text/event-stream"})

    def play(conversation: Conversation) -> None:
        conversation.send(start + (noise if len(server.requests) == 1 else event(77)))

    with FaultServer(play) as server, Watching(shape, server.url) as watching:
        eventually(lambda: [one for one in watching.events if one.version == 77])
