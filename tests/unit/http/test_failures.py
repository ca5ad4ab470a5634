"""Foreign exceptions in our words."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import ssl

import pytest

from config_sync.errors import ServiceUnavailable, TlsFailed
from config_sync.http.failures import DeadlinePassed, describe, fold_headers, origin_of, translate


class ReadError(Exception):
    """As the libraries name theirs."""


class RemoteProtocolError(Exception):
    """As the libraries name theirs."""


def chained(*errors: BaseException) -> BaseException:
    """The first, caused by the second, and so on."""
    for outer, inner in itertools.pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (chained(ReadError(), ReadError(), ConnectionResetError(errno.ECONNRESET, "x")), "Connection reset by peer"),
        (chained(ReadError(), TimeoutError()), "timed out"),
        (chained(ReadError(), DeadlinePassed("not done within 3 s")), "not done within 3 s"),
        (chained(ReadError("a body: SECRET-CANARY")), "read error"),
        (chained(RemoteProtocolError("illegal line: SECRET-CANARY")), "the answer broke off"),
        (
            chained(OSError("All attempts failed"), ExceptionGroup("many", [OSError(errno.EHOSTUNREACH, "x")])),
            os.strerror(errno.EHOSTUNREACH),
        ),
        (Exception(), "exception"),
    ],
    ids=["refused", "name", "empty-texts", "timeout", "deadline", "quoting", "broken-off", "group", "nothing"],
)
def test_the_reason_is_the_systems_and_never_what_the_server_sent(error: BaseException, says: str) -> None:
    assert describe(error) == says


def test_what_was_tried_before_is_no_reason() -> None:
    error = DeadlinePassed("not done within 3 s")
    error.__context__ = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    assert describe(error) == "not done within 3 s"


def test_a_deadline_within_a_handshake_is_no_failure_of_tls() -> None:
    error = DeadlinePassed("not done within 3 s")
    error.__context__ = ssl.SSLWantReadError(2, "The operation did not complete")
    found = translate(error, url="https://h", stage="the TLS handshake", is_handshake=True)
    assert isinstance(found, ServiceUnavailable)


def test_tls_that_fails_later_is_unavailable_and_in_the_handshake_it_is_tls() -> None:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    assert isinstance(translate(error, url="https://h", stage="s", is_handshake=True), TlsFailed)
    assert isinstance(translate(error, url="https://h", stage="s"), ServiceUnavailable)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://user:SECRET-CANARY@h:8443/path?query=SECRET-CANARY#f", "https://h:8443"),
        ("http://[::1]:80/x", "http://[::1]:80"),
        ("/no/host", "an address without a host"),
    ],
    ids=["with-everything", "ipv6", "none"],
)
def test_an_origin_carries_no_user_path_or_query(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_headers_are_lower_case_and_repeated_ones_joined() -> None:
    assert fold_headers([(b"A", b"1"), (b"a", b"2"), (b"B", b"\xe4")]) == {"a": "1, 2", "b": "ä"}
