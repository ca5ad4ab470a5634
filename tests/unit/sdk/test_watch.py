"""`watch`: it calls back for what was received, survives everything, and storms nobody."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

import pytest

from config_sync import (
    ConfigChangeEvent,
    ConfigClient,
    ConfigClientError,
    ConnectionError,  # noqa: A004
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    Options,
    UnauthorizedError,
)
from config_sync.sdk.carriers import carrier_for
from config_sync.sdk.hearing import Hearing
from config_sync.sdk.options import config_name
from config_sync.sdk.pacing import Pace
from config_sync.sdk.requests import Requests
from config_sync.sdk.watchers import CallingBack
from config_sync.sdk.watching import watch
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer, in_turn, stream
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import NO_CAS, SHAPES
from tests.unit.sdk.watches import Watching, event
from tests.waiting import eventually

shapes = pytest.mark.parametrize("shape", SHAPES)


@shapes
def test_every_event_is_told_and_nothing_else(shape: str) -> None:
    behaviour = stream(b": hello\n\n", event(2) + event(3)[:20], event(3)[20:], then=faults.half_open)
    with FaultServer(behaviour) as server, Watching(shape, server.url) as watching:
        eventually(lambda: len(watching.events) == 2)
        eventually(lambda: len(watching.changes) == 2)
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert watching.events == [ConfigChangeEvent("app", 2, 7, when), ConfigChangeEvent("app", 3, 7, when)]
    assert watching.changes == ["app", "app"]
    assert watching.errors == []


@shapes
@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (answer(401), UnauthorizedError, 401),
        (answer(403), ForbiddenError, 403),
        (answer(404), NotFoundError, 404),
        (answer(429), InvalidResponseError, 429),
        (answer(503), ConnectionError, 503),
        (answer(302, Location="http://127.0.0.1:1/"), InvalidResponseError, 302),
        (answer(204), InvalidResponseError, 204),
        (answer(200, b"<p>log in", Content_Type="text/html"), InvalidResponseError, 200),
        (faults.reset, ConnectionError, None),
        (faults.garbage, InvalidResponseError, None),
        (stream(b"data: 1", then=faults.reset), ConnectionError, None),
        (stream(b"data: " + b"a" * 5_000_000), InvalidResponseError, None),
        (stream(*[b":" * 65_536 + b"\n"] * 20), InvalidResponseError, None),
    ],
    ids=[
        "401", "403", "404", "429", "503", "302", "204", "web-page", "reset", "garbage", "cut", "huge-line", "talk",
    ],
)  # fmt: skip
def test_a_failure_is_told_and_the_watch_goes_on(
    shape: str, fault: faults.Behaviour, kind: type[ConfigClientError], status: int | None
) -> None:
    with FaultServer(in_turn(fault, stream(event(5), then=faults.half_open))) as server:
        with Watching(shape, server.url) as watching:
            eventually(lambda: watching.events)
    (error,) = watching.errors
    assert isinstance(error, ConfigClientError)
    assert type(error) is kind
    assert error.status == status


@shapes
def test_a_server_that_ends_every_stream_is_not_stormed_and_no_error_is_told(shape: str) -> None:
    with FaultServer(stream(event())) as server, Watching(shape, server.url) as watching:
        eventually(lambda: len(server.requests) >= 3)
        before = len(server.requests)
        threading.Event().wait(1.0)
        assert len(server.requests) - before < 15
    assert watching.errors == []


@shapes
def test_the_stream_goes_on_where_it_left_off(shape: str) -> None:
    behaviour = in_turn(stream("id: sch\u00f6n\nretry: 10\n\n".encode()), stream(event(), then=faults.half_open))
    with FaultServer(behaviour) as server, Watching(shape, server.url) as watching:
        eventually(lambda: watching.events)
    assert "last-event-id" not in server.requests[0].headers
    assert server.requests[1].headers["last-event-id"].encode("latin-1").decode() == "sch\u00f6n"
    assert server.requests[1].headers["x-service-token"] == TOKEN
    assert server.requests[1].headers["accept"] == "text/event-stream"


@shapes
def test_the_server_says_how_soon_to_come_back(shape: str) -> None:
    with FaultServer(stream(b"retry: 60000\n\n")) as server, Watching(shape, server.url):
        eventually(lambda: server.requests)
        threading.Event().wait(0.5)
        assert len(server.requests) == 1


@shapes
@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"{}", event(9).replace(b'"version":9', b'"version":"x"').partition(b"data: ")[2].strip()],
    ids=["cut", "list", "empty", "no-number"],
)  # fmt: skip
def test_an_event_that_cannot_be_read_is_skipped(shape: str, data: bytes) -> None:
    behaviour = stream(b"data: " + data + b"\n\n" + event(9), then=faults.half_open)
    with FaultServer(behaviour) as server, Watching(shape, server.url) as watching:
        eventually(lambda: watching.events)
    assert [one.version for one in watching.events] == [9]


@shapes
def test_what_the_published_sdk_reads_is_read(shape: str) -> None:
    data = b'{"config_name": "app", "version": "3", "changed_by": 4.0, "timestamp": "2026-01-02T03:04:05"}'
    with FaultServer(stream(b"data: " + data + b"\n\n", then=faults.half_open)) as server:
        with Watching(shape, server.url) as watching:
            eventually(lambda: watching.events)
    assert watching.events == [ConfigChangeEvent("app", 3, 4, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))]


def test_a_callback_that_raises_is_logged_and_the_watch_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def callback(one: ConfigChangeEvent) -> None:
        seen.append(one.version)
        raise RuntimeError("of the program")

    def on_change(name: str) -> None:
        raise LookupError(name)

    with FaultServer(stream(event(1), event(2), then=faults.half_open)) as server:
        client = ConfigClient(Options(server.url, TOKEN, KEY, on_change=on_change))
        thread = threading.Thread(target=client.watch, args=("app", callback))
        thread.start()
        eventually(lambda: len(seen) == 2)
        client.close()
        thread.join(60)
    assert seen == [1, 2]
    assert "the callback of the watch of config app raised RuntimeError" in caplog.text


def test_ctrl_c_ends_a_watch_and_the_program_goes_on() -> None:
    def interrupted(_: ConfigChangeEvent) -> None:
        raise KeyboardInterrupt

    with FaultServer(stream(event(1), then=faults.half_open)) as server:
        with ConfigClient(Options(server.url, TOKEN, KEY)) as client:
            client.watch("app", interrupted)


@pytest.mark.parametrize("is_given", [False, True], ids=["own", "given"])
def test_a_stream_that_falls_silent_is_opened_anew_and_no_error_is_told(is_given: bool) -> None:
    import httpx

    errors: list[Exception] = []
    with FaultServer(stream(b": hello\n\n", then=faults.half_open)) as server, httpx.Client(verify=NO_CAS) as client:
        options = Options(server.url, TOKEN, KEY, client if is_given else None, on_error=errors.append, retry_delay=0)
        requests, stop, name = Requests(options), Stop(), config_name("app")
        hearing = Hearing(requests, name, Pace(0.0, lambda: 0.0))
        watcher = CallingBack(name, lambda _: None, options)
        carrier = carrier_for(options, requests)
        thread = threading.Thread(target=lambda: watch(carrier, requests, hearing, watcher, stop, idle_timeout_s=0.2))
        thread.start()
        eventually(lambda: len(server.requests) >= 3)
        stop.set()
        thread.join(60)
        carrier.close()
    assert errors == []


def test_an_invalid_name_is_refused_before_any_request() -> None:
    with FaultServer(answer(200)) as server, ConfigClient(Options(server.url, TOKEN, KEY)) as client:
        with pytest.raises(ConfigClientError, match="not a config name"):
            client.watch("../other", print)
    assert server.connections == 0


def test_the_log_of_a_watch_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer(in_turn(answer(401), stream(event(), then=faults.half_open))) as server:
        with Watching("sync", server.url) as watching:
            eventually(lambda: watching.events)
    assert "the watch of config app" in caplog.text
    assert TOKEN not in caplog.text
    assert KEY not in caplog.text
