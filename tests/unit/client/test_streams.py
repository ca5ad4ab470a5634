"""Change streams: judged by status and type, handed on as raw bytes."""

from __future__ import annotations

import asyncio

import pytest

from config_sync.client import Endpoint
from config_sync.client.streams import HttpStreams, NotAnEventStream, WatchNotOffered
from config_sync.credentials import default_token
from config_sync.errors import (
    CredentialError,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    SyncError,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.http.failures import StreamSilent
from config_sync.model import ConfigName, ConfigRef
from tests import faults
from tests.faults import FaultServer, answer, stream
from tests.waiting import eventually

CANARY = "SECRET-CANARY"
APP = ConfigRef(ConfigName("app"), "staging", 3)
TOKEN = "CONFIG_SERVICE_TOKEN"


async def read(
    server: FaultServer,
    *,
    last_event_id: str | None = None,
    environ: dict[str, str] | None = None,
    idle_timeout_s: float = 5.0,
) -> bytes:
    endpoint = Endpoint(server.url, default_token(environ if environ is not None else {TOKEN: CANARY}))
    async with HttpStreams(endpoint, idle_timeout_s=idle_timeout_s).open(APP, last_event_id) as opened:
        return b"".join([chunk async for chunk in opened.chunks()])


@pytest.mark.parametrize(
    "content_type",
    ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;charset=UTF-8"],
    ids=["plain", "charset", "case"],
)
def test_a_stream_is_opened_and_its_bytes_handed_on(content_type: str) -> None:
    with FaultServer(stream(b": hi\n", b"data: 1\n\n", content_type=content_type)) as server:
        assert asyncio.run(read(server)) == b": hi\ndata: 1\n\n"
    (request,) = server.requests
    assert request.target == "/api/v1/service/configs/app/watch"
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["x-service-token"] == CANARY
    assert request.headers["accept-encoding"] == "identity"
    assert "last-event-id" not in request.headers


@pytest.mark.parametrize(
    ("event_id", "sent"),
    [
        ("42", "42"),
        ("ü", "ü"),
        ("a b", "a b"),
        ("", None),
        ("a\x01b", None),
        ("a\x85b", None),
        (" a", None),
        ("a\t", None),
        ("a" * 1024, "a" * 1024),
        ("a" * 1025, None),
    ],
    ids=["number", "utf-8", "space", "empty", "control", "c1", "leading", "trailing", "longest", "too-long"],
)
def test_the_last_event_id_is_sent_where_a_header_can_carry_it(event_id: str, sent: str | None) -> None:
    with FaultServer(stream()) as server:
        asyncio.run(read(server, last_event_id=event_id))
    found = server.requests[0].headers.get("last-event-id")
    assert (found.encode("latin-1").decode("utf-8") if found is not None else None) == sent


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (answer(204), WatchNotOffered),
        (answer(200, CANARY.encode(), Content_Type="text/html"), NotAnEventStream),
        (answer(200, b"data: 1\n\n"), NotAnEventStream),
        (answer(200, b"[]", Content_Type="application/json"), NotAnEventStream),
        (answer(500, b"data: 1\n\n", Content_Type="text/event-stream"), ServiceUnavailable),
        (answer(429, Retry_After="7"), ServiceUnavailable),
        (answer(401), Unauthorized),
        (answer(403), Forbidden),
        (answer(404), NotFound),
        (answer(400), UnexpectedResponse),
        (answer(302, Location="http://127.0.0.1:1/"), UnexpectedResponse),
        (answer(200, b"x", Content_Type="text/event-stream", Content_Encoding="gzip"), UnexpectedResponse),
    ],
    ids=["204", "html", "no-type", "json", "500", "429", "401", "403", "404", "400", "redirect", "gzip"],
)
def test_what_is_no_stream_is_the_error_of_who_must_act(behaviour: faults.Behaviour, error: type[SyncError]) -> None:
    with FaultServer(behaviour) as server:
        with pytest.raises(SyncError) as caught:
            asyncio.run(read(server))
        eventually(lambda: server.open_connections == 0)
    assert type(caught.value) is error
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"
    assert len(server.requests) == 1


def test_each_kind_of_no_stream_has_a_reason_of_its_own() -> None:
    assert {WatchNotOffered.reason, NotAnEventStream.reason, UnexpectedResponse.reason, StreamSilent.reason} == {
        "WatchNotOffered",
        "NotAnEventStream",
        "UnexpectedResponse",
        "StreamSilent",
    }


@pytest.mark.parametrize("status", [408, 425, 429, 503], ids=str)
@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("7", 7.0), ("3600", 300.0), ("-1", None), ("soon", None), ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0)],
    ids=["seconds", "capped", "minus", "nonsense", "past"],
)
def test_a_wish_to_wait_is_carried(status: int, sent: str, seconds: float | None) -> None:
    with FaultServer(answer(status, Retry_After=sent)) as server:
        with pytest.raises(ServiceUnavailable) as caught:
            asyncio.run(read(server))
    assert caught.value.retry_after_s == seconds


def test_silence_is_told_from_a_break() -> None:
    with FaultServer(stream(b": hi\n", then=faults.half_open)) as server:
        with pytest.raises(StreamSilent):
            asyncio.run(read(server, idle_timeout_s=1.5))


def test_a_token_that_was_just_replaced_is_tried_once_more_on_one_connection() -> None:
    environ = {TOKEN: "old"}

    def rotating(conversation: faults.Conversation) -> bool | None:
        environ[TOKEN] = "new"
        is_new = conversation.request.headers["x-service-token"] == "new"
        return (stream(b"data: 1\n\n", then=faults.half_open) if is_new else answer(401))(conversation)

    async def first_chunk(server: FaultServer) -> bytes:
        async with HttpStreams(Endpoint(server.url, default_token(environ))).open(APP) as opened:
            chunk = await anext(opened.chunks())
            await asyncio.to_thread(eventually, lambda: server.open_connections == 1)
            return chunk

    with FaultServer(rotating) as server:
        assert asyncio.run(first_chunk(server)) == b"data: 1\n\n"
        eventually(lambda: server.open_connections == 0)
    assert [request.headers["x-service-token"] for request in server.requests] == ["old", "new"]


def test_without_a_token_nothing_is_sent() -> None:
    with FaultServer(stream()) as server:
        with pytest.raises(CredentialError):
            asyncio.run(read(server, environ={}))
    assert server.connections == 0
