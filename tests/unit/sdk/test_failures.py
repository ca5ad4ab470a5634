"""Whatever a server does, a call raises the documented exception within the documented time, in all four shapes."""

from __future__ import annotations

import json
import logging
import time

import pytest

from config_sync import (
    ConfigClientError,
    ConnectionError,  # noqa: A004
    DecryptionError,
    ForbiddenError,
    InvalidResponseError,
    NotFoundError,
    UnauthorizedError,
    UnmarshalError,
)
from tests import faults
from tests.faults import FaultServer, answer, in_turn
from tests.service import KEY, TOKEN
from tests.unit.sdk.asking import METHODS, NO_CAS, SHAPES, ask, gives, sealed

CANARY = "SECRET-CANARY"

shapes = pytest.mark.parametrize("shape", SHAPES)


def refused(shape: str, behaviour: faults.Behaviour, kind: type[ConfigClientError], method: str) -> ConfigClientError:
    """The exact class that the call raises."""
    with FaultServer(behaviour) as server:
        with pytest.raises(ConfigClientError) as caught:
            ask(shape, server.url, method)
    assert type(caught.value) is kind
    return caught.value


@shapes
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (400, InvalidResponseError),
        (409, InvalidResponseError),
        (408, InvalidResponseError),
        (429, InvalidResponseError),
        (302, InvalidResponseError),
        (204, InvalidResponseError),
        (500, ConnectionError),
        (503, ConnectionError),
    ],
    ids=str,
)
def test_a_status_is_its_exception(shape: str, method: str, status: int, kind: type[ConfigClientError]) -> None:
    error = refused(shape, answer(status, CANARY.encode() if status != 204 else b""), kind, method)
    assert CANARY not in str(error)
    if status != 204:
        assert error.status == status
    assert error.hint


@shapes
def test_a_redirect_is_never_followed(shape: str) -> None:
    with FaultServer(gives({"stolen": True})) as other:
        error = refused(shape, answer(302, Location=other.url), InvalidResponseError, "get_raw")
    assert "redirect" in str(error)
    assert other.requests == []


def test_a_given_client_that_follows_redirects_does_not_carry_the_token_away() -> None:
    import httpx

    with FaultServer(gives({"stolen": True})) as other, FaultServer(answer(307, Location=other.url)) as server:
        with httpx.Client(verify=NO_CAS, follow_redirects=True) as client, pytest.raises(InvalidResponseError):
            ask("sync-given", server.url, client=client)
    assert other.requests == []


@shapes
@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (faults.reset, ConnectionError),
        (faults.hang_up, ConnectionError),
        (faults.garbage, InvalidResponseError),
        (faults.truncate(b"a" * 50, declared=60), ConnectionError),
        (answer(200, b"<p>log in", Content_Type="text/html"), InvalidResponseError),
        (answer(200, b"x", Content_Encoding="gzip"), InvalidResponseError),
        (answer(200, b""), DecryptionError),
        (answer(200, b"a" * 27), DecryptionError),
        (answer(200, b"a" * 100), DecryptionError),
        (gives(b"{'single': quotes}"), UnmarshalError),
        (gives(b"\xff\xfe{}"), UnmarshalError),
        (gives(b'{"a": 1, "a": 2}'), UnmarshalError),
        (gives(b'{"a": NaN}'), UnmarshalError),
        (gives(b"[" * 100_000), UnmarshalError),
        (gives(b'{"a": ' + b"9" * 5000 + b"}"), UnmarshalError),
        (gives([1, 2]), UnmarshalError),
        (gives("text"), UnmarshalError),
    ],
    ids=[
        "reset", "hang-up", "garbage", "truncated", "web-page", "encoded", "empty", "short", "random", "not-json",
        "utf-16", "twice", "nan", "deep", "huge-number", "array", "string",
    ],
)  # fmt: skip
def test_a_bad_answer_is_its_exception(shape: str, behaviour: faults.Behaviour, kind: type[ConfigClientError]) -> None:
    error = refused(shape, behaviour, kind, "get_raw")
    assert error.__cause__ is None or not isinstance(error.__cause__, json.JSONDecodeError)


@shapes
def test_one_flipped_bit_is_a_decryption_error(shape: str) -> None:
    good = sealed({"port": 8080})
    for place in (0, 11, 12, len(good) - 1):
        damaged = bytearray(good)
        damaged[place] ^= 1
        refused(shape, answer(200, bytes(damaged)), DecryptionError, "get_bytes")


@shapes
def test_another_key_is_a_decryption_error_that_shows_no_key(shape: str) -> None:
    other = "ff" * 32
    error = refused(shape, answer(200, sealed({"a": 1}, key=other)), DecryptionError, "get_raw")
    assert other not in repr(error)
    assert KEY not in repr(error)


@shapes
@pytest.mark.parametrize(
    "behaviour",
    [faults.half_open, faults.drip_headers(), faults.drip_body(declared=100_000)],
    ids=["silence", "dripping-headers", "dripping-body"],
)
def test_a_server_that_never_ends_fails_within_the_request_timeout(shape: str, behaviour: faults.Behaviour) -> None:
    with FaultServer(behaviour) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionError, match=r"not done within 0\.3 s"):
            ask(shape, server.url, timeout_s=0.3)
        assert 0.29 < time.monotonic() - began < 20


@shapes
def test_an_endless_body_is_over_the_limit(shape: str) -> None:
    with FaultServer(faults.endless) as server:
        with pytest.raises(InvalidResponseError, match="16777216 bytes"):
            ask(shape, server.url, timeout_s=20)


@shapes
def test_a_refused_connect_is_a_connection_error(shape: str) -> None:
    with faults.refused_port() as port:
        with pytest.raises(ConnectionError, match="Connection refused") as caught:
            ask(shape, f"http://127.0.0.1:{port}")
    assert caught.value.status is None
    assert "Options.host" in str(caught.value.hint)


@shapes
def test_a_connect_that_hangs_fails_within_the_request_timeout(shape: str) -> None:
    with faults.unanswering_port() as port:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            ask(shape, f"http://127.0.0.1:{port}", timeout_s=0.3)
        assert time.monotonic() - began < 20


@shapes
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504], ids=str)
def test_what_heals_by_itself_is_tried_again(shape: str, status: int) -> None:
    with FaultServer(in_turn(answer(status), answer(status), gives({"port": 1}))) as server:
        assert ask(shape, server.url, retry_count=2) == {"port": 1}
    assert len(server.requests) == 3


@shapes
def test_a_broken_connection_is_tried_again(shape: str) -> None:
    with FaultServer(in_turn(faults.reset, faults.hang_up, gives({"port": 1}))) as server:
        assert ask(shape, server.url, retry_count=3) == {"port": 1}


@shapes
def test_the_last_of_all_attempts_decides(shape: str) -> None:
    with FaultServer(answer(503)) as server:
        with pytest.raises(ConnectionError, match=r"answers 503 \(4 attempts\)") as caught:
            ask(shape, server.url, retry_count=3)
    assert len(server.requests) == 4
    assert caught.value.status == 503


@shapes
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 302], ids=str)
def test_a_refusal_is_not_tried_again(shape: str, status: int) -> None:
    with FaultServer(answer(status)) as server:
        with pytest.raises(ConfigClientError):
            ask(shape, server.url, retry_count=3)
    assert len(server.requests) == 1


@shapes
def test_retry_after_is_waited_for(shape: str) -> None:
    with FaultServer(in_turn(answer(429, Retry_After="1"), gives({"port": 1}))) as server:
        began = time.monotonic()
        assert ask(shape, server.url, retry_count=1) == {"port": 1}
        assert time.monotonic() - began >= 1


@shapes
def test_a_wish_for_more_patience_than_a_call_has_fails_at_once(shape: str) -> None:
    with FaultServer(answer(429, Retry_After="31")) as server:
        with pytest.raises(InvalidResponseError):
            ask(shape, server.url, retry_count=3)
    assert len(server.requests) == 1


@shapes
@pytest.mark.parametrize(
    "body",
    [
        b"{", b"{}", b"7", b'[{"name": 7}]', b"[[]]",
        b'[{"name": "a", "is_valid": true, "valid_from": "x", "updated_at": "y"}]', b"\xff",
    ],
    ids=["cut", "object", "number", "no-name", "no-object", "no-time", "not-utf-8"],
)  # fmt: skip
def test_a_list_that_is_not_one_is_an_invalid_response(shape: str, body: bytes) -> None:
    refused(shape, answer(200, body, Content_Type="application/json"), InvalidResponseError, "list")


@shapes
def test_no_failure_shows_a_secret(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for behaviour in (
        answer(500, CANARY.encode()), faults.garbage, answer(401, CANARY.encode()), gives({"password": CANARY}),
        gives([CANARY]), gives(f'{{"a": {CANARY}}}'.encode()), answer(200, CANARY.encode() * 9),
    ):  # fmt: skip
        with FaultServer(behaviour) as server:
            try:
                ask(shape, server.url, retry_count=1)
            except ConfigClientError as error:
                shown = f"{error!r} {error} {error.hint} {error.__notes__ if error.hint else ''}"
                assert CANARY not in shown
                assert TOKEN not in shown
                assert KEY not in shown
    for secret in (CANARY, TOKEN, KEY):
        assert secret not in caplog.text
