"""The real service client against a server that misbehaves, over real loopback sockets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config_sync.client import Endpoint, Fetched, HttpService
from config_sync.clock import Clock
from config_sync.credentials import default_token
from config_sync.errors import (
    CredentialError,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    Stopped,
    SyncError,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.model import ConfigName, ConfigRef
from config_sync.stop import Stop
from tests import faults
from tests.faults import FaultServer, answer, in_turn

CANARY = "SECRET-CANARY"
APP = ConfigRef(ConfigName("app"))
TOKEN = "CONFIG_SERVICE_TOKEN"


@contextmanager
def service_at(
    server: FaultServer,
    environ: dict[str, str] | None = None,
    *,
    max_bytes: int = 1000,
    clock: Clock | None = None,
) -> Iterator[HttpService]:
    token = default_token(environ if environ is not None else {TOKEN: CANARY})
    service = HttpService(Endpoint(server.url, token), request_timeout_s=30, max_bytes=max_bytes, clock=clock)
    try:
        yield service
    finally:
        service.close()


def test_a_config_is_fetched_with_all_that_the_service_says_of_it() -> None:
    behaviour = answer(200, b"sealed", ETag='"e"', X_Config_Version="7", Date="Tue, 25 Nov 2025 03:06:40 GMT")
    with FaultServer(behaviour) as server, service_at(server) as service:
        fetched = service.fetch(ConfigRef(ConfigName("app"), "staging", 7), Stop())
    assert fetched.ciphertext == b"sealed"
    assert (fetched.version, fetched.etag, fetched.date) == (7, '"e"', 1_764_040_000.0)
    (request,) = server.requests
    assert request.target == "/api/v1/service/configs/app?environment=staging&version=7"
    assert request.headers["x-service-token"] == CANARY
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("config-sync/")
    assert request.headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("version", ["", "-1", "7.0", "v7", "9" * 30, "\u0667"], ids=ascii)
def test_a_version_that_is_no_number_is_none(version: str) -> None:
    behaviour = answer(200, b"sealed", X_Config_Version=version.encode().decode("latin-1"))
    with FaultServer(behaviour) as server, service_at(server) as service:
        assert service.fetch(APP, Stop()).version is None


def test_an_unchanged_config_is_the_one_of_last_time() -> None:
    behaviour = in_turn(answer(200, b"sealed", ETag='W/"e"', X_Config_Version="7"), answer(304, X_Config_Version="8"))
    with FaultServer(behaviour) as server, service_at(server) as service:
        first, second = service.fetch(APP, Stop()), service.fetch(APP, Stop())
    assert (first.ciphertext, second.ciphertext) == (b"sealed", b"sealed")
    assert (first.version, second.version) == (7, 8)
    assert "if-none-match" not in server.requests[0].headers
    assert server.requests[1].headers["if-none-match"] == 'W/"e"'


def test_what_was_damaged_is_asked_for_in_full() -> None:
    with FaultServer(answer(200, b"sealed", ETag='"e"')) as server, service_at(server) as service:
        service.fetch(APP, Stop())
        service.forget(APP)
        service.fetch(APP, Stop())
    assert "if-none-match" not in server.requests[1].headers


def test_each_reference_has_an_answer_of_its_own() -> None:
    with FaultServer(answer(200, b"sealed", ETag='"e"')) as server, service_at(server) as service:
        service.fetch(APP, Stop())
        service.fetch(ConfigRef(ConfigName("app"), "staging"), Stop())
    assert "if-none-match" not in server.requests[1].headers


def test_a_304_that_nobody_asked_for_is_unexpected() -> None:
    with FaultServer(answer(304)) as server, service_at(server) as service:
        with pytest.raises(UnexpectedResponse, match="304"):
            service.fetch(APP, Stop())


@pytest.mark.parametrize(
    ("behaviour", "error", "says"),
    [
        (answer(401, CANARY.encode()), Unauthorized, "401"),
        (answer(403, CANARY.encode()), Forbidden, "403"),
        (answer(404, CANARY.encode()), NotFound, "404"),
        (answer(400), UnexpectedResponse, "400"),
        (answer(410), UnexpectedResponse, "410"),
        (answer(408), ServiceUnavailable, "408"),
        (answer(425), ServiceUnavailable, "425"),
        (answer(429), ServiceUnavailable, "429"),
        (answer(500, b"<html>", Content_Type="text/html"), ServiceUnavailable, "500"),
        (answer(503), ServiceUnavailable, "503"),
        (answer(599), ServiceUnavailable, "599"),
        (answer(301, Location="https://elsewhere.example/" + CANARY), UnexpectedResponse, "https://elsewhere.example"),
        (answer(302, Location="/" + CANARY), UnexpectedResponse, "a redirect to http://127"),
        (answer(307, Location="http://[broken/" + CANARY), UnexpectedResponse, "a redirect"),
        (answer(300), UnexpectedResponse, "a redirect"),
        (answer(204), UnexpectedResponse, "204"),
        (answer(206, b"part"), UnexpectedResponse, "206"),
        (answer(200, CANARY.encode(), Content_Type="Text/HTML; charset=utf-8"), UnexpectedResponse, "text/html"),
        (faults.stream(b"data: 1\n\n"), UnexpectedResponse, "text/event-stream"),
        (answer(200, b"a" * 2000), UnexpectedResponse, "2000 bytes"),
        (faults.reset, ServiceUnavailable, "Connection reset"),
        (faults.truncate(b"abc", declared=50), ServiceUnavailable, "broke off"),
        (faults.garbage, UnexpectedResponse, "not HTTP"),
    ],
    ids=[
        "401", "403", "404", "400", "410", "408", "425", "429", "500", "503", "599", "redirect-elsewhere",
        "redirect-here", "redirect-broken", "300", "204", "206", "html", "event-stream", "too-large", "reset",
        "truncated", "garbage",
    ],
)  # fmt: skip
def test_an_answer_that_is_no_config_is_the_error_of_who_must_act(
    behaviour: faults.Behaviour, error: type[SyncError], says: str
) -> None:
    with FaultServer(behaviour) as server, service_at(server) as service:
        with pytest.raises(SyncError, match=says) as caught:
            service.fetch(APP, Stop())
        assert CANARY not in f"{service!r} {service.__dict__!r}"
    assert type(caught.value) is error
    assert f"127.0.0.1:{server.port}" in caught.value.message
    assert CANARY not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain", "application/json", ""], ids=ascii)
def test_any_other_content_type_is_taken_as_the_sdks_take_it(content_type: str) -> None:
    with FaultServer(answer(200, b"sealed", Content_Type=content_type)) as server, service_at(server) as service:
        assert service.fetch(APP, Stop()).ciphertext == b"sealed"


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("7", 7.0), ("3600", 300.0), ("-1", None), ("soon", None), ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0)],
    ids=["seconds", "capped", "minus", "nonsense", "past"],
)
def test_a_wish_to_wait_is_carried(sent: str, seconds: float | None) -> None:
    with FaultServer(answer(503, Retry_After=sent)) as server, service_at(server) as service:
        with pytest.raises(ServiceUnavailable) as caught:
            service.fetch(APP, Stop())
    assert caught.value.retry_after_s == seconds


def test_a_redirect_never_takes_the_token_elsewhere() -> None:
    with FaultServer(answer(200, b"sealed")) as elsewhere, FaultServer(answer(302, Location=elsewhere.url)) as server:
        with service_at(server) as service, pytest.raises(UnexpectedResponse, match="not followed"):
            service.fetch(APP, Stop())
    assert elsewhere.connections == 0


def test_a_401_names_where_the_token_came_from() -> None:
    with FaultServer(answer(401)) as server, service_at(server) as service:
        with pytest.raises(Unauthorized) as caught:
            service.fetch(APP, Stop())
    assert caught.value.hint is not None
    assert TOKEN in caught.value.hint


def test_a_token_that_was_just_replaced_is_tried_once_more() -> None:
    environ = {TOKEN: "old"}

    def rotating(conversation: faults.Conversation) -> bool | None:
        environ[TOKEN] = "new"
        is_new = conversation.request.headers["x-service-token"] == "new"
        return (answer(200, b"sealed") if is_new else answer(401))(conversation)

    with FaultServer(rotating) as server, service_at(server, environ) as service:
        assert service.fetch(APP, Stop()).ciphertext == b"sealed"
    assert [request.headers["x-service-token"] for request in server.requests] == ["old", "new"]


def test_a_token_that_stays_wrong_is_tried_once() -> None:
    with FaultServer(answer(401)) as server, service_at(server) as service:
        with pytest.raises(Unauthorized):
            service.fetch(APP, Stop())
    assert len(server.requests) == 1


def test_a_replaced_token_is_used_by_the_next_request() -> None:
    environ = {TOKEN: "one"}
    with FaultServer(answer(200, b"sealed")) as server, service_at(server, environ) as service:
        for token in ("one", "two", "three"):
            environ[TOKEN] = token
            service.fetch(APP, Stop())
    assert [request.headers["x-service-token"] for request in server.requests] == ["one", "two", "three"]


def test_without_a_token_nothing_is_sent() -> None:
    with FaultServer(answer(200, b"sealed")) as server, service_at(server, {}) as service:
        with pytest.raises(CredentialError):
            service.fetch(APP, Stop())
    assert server.connections == 0


def test_the_list_is_given_in_the_services_order() -> None:
    times = '"valid_from":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05.5+01:00"'
    body = f'[{{"name":"b","is_valid":true,{times}}},{{"name":"a","is_valid":false,{times}}}]'.encode()
    with FaultServer(answer(200, body)) as server, service_at(server) as service:
        infos = service.list(Stop())
    assert [(info.name, info.is_valid) for info in infos] == [("b", True), ("a", False)]
    assert server.requests[0].target == "/api/v1/service/configs"


def test_a_formatted_config_is_given_as_it_is() -> None:
    with FaultServer(answer(200, b"A=1\n", Content_Type="text/plain")) as server, service_at(server) as service:
        assert service.get_formatted(ConfigName("app"), "env", Stop()) == b"A=1\n"
    assert server.requests[0].target == "/api/v1/service/configs/app/formatted?format=env"


@pytest.mark.parametrize("call", ["list", "formatted"])
def test_the_other_calls_map_errors_alike(call: str) -> None:
    with FaultServer(answer(403)) as server, service_at(server) as service:
        with pytest.raises(Forbidden):
            service.list(Stop()) if call == "list" else service.get_formatted(ConfigName("app"), "json", Stop())


def test_a_stop_that_is_set_ends_every_call() -> None:
    stop = Stop()
    stop.set()
    with FaultServer(answer(200, b"sealed")) as server, service_at(server) as service:
        with pytest.raises(Stopped):
            service.fetch(APP, stop)
        with pytest.raises(Stopped):
            service.list(stop)


def test_no_secret_is_in_a_log_at_debug_or_in_a_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer(answer(200, CANARY.encode(), ETag='"e"')) as server, service_at(server) as service:
        fetched = service.fetch(APP, Stop())
        shown = f"{fetched!r} {service!r} {service.__dict__!r}"
    assert isinstance(fetched, Fetched)
    assert CANARY not in caplog.text
    assert CANARY not in shown
