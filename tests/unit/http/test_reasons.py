"""Every way in which no answer comes has its own reason and hint, and nothing that was sent is in either."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.errors import ProxyRefused, ServiceUnavailable, TlsFailed
from config_sync.http.failures import DeadlinePassed, describe, refused_by_proxy, translate
from config_sync.http.tls_failures import tls_refusal

CANARY = "SECRET-CANARY"


class RemoteProtocolError(Exception):
    """As the libraries name theirs."""


class ReadTimeout(Exception):
    """As the libraries name theirs."""


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "is_answered", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False, "NameUnresolved"),
        (os_error(errno.ECONNREFUSED), False, "ConnectFailed"),
        (os_error(errno.EHOSTUNREACH), False, "ConnectFailed"),
        (os_error(errno.ENETUNREACH), False, "ConnectFailed"),
        (os_error(errno.ECONNRESET), False, "ConnectionReset"),
        (os_error(errno.EPIPE), True, "ConnectionReset"),
        (os_error(errno.ETIMEDOUT), False, "TimedOut"),
        (DeadlinePassed("not done within 1 s"), False, "TimedOut"),
        (DeadlinePassed("not done within 1 s"), True, "AnswerTooSlow"),
        (ReadTimeout(CANARY), False, "TimedOut"),
        (RemoteProtocolError(CANARY), False, "HungUp"),
        (RemoteProtocolError(CANARY), True, "AnswerCutOff"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), False, "HungUp"),
        (Exception(CANARY), False, "ServiceUnavailable"),
        (os_error(errno.EMFILE), False, "ServiceUnavailable"),
    ],
    ids=[
        "name", "refused", "no-host", "no-network", "reset", "pipe", "etimedout", "deadline", "slow", "library-timeout",
        "hung-up", "cut-off", "tls-eof", "unknown", "descriptors",
    ],
)  # fmt: skip
def test_each_has_its_reason_and_a_hint(error: Exception, is_answered: bool, reason: str) -> None:
    found = translate(error, url="https://ann:pw@h.example/x", stage="connecting", is_answered=is_answered)
    assert isinstance(found, ServiceUnavailable)
    assert found.reason == reason
    assert found.hint
    assert found.message.startswith("https://h.example: connecting: ")
    for secret in (CANARY, "pw"):
        assert secret not in f"{found.message} {found.hint}"


def test_what_goes_wrong_on_the_way_to_the_proxy_is_the_proxys() -> None:
    found = translate(
        os_error(errno.ECONNREFUSED), url="https://h.example", stage="connecting", proxy="http://p.example:1"
    )
    assert found.reason == "ProxyUnreachable"
    assert "http://p.example:1" in found.message


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (407, ProxyRefused, "ProxyAuthRequired"),
        (403, ProxyRefused, "ProxyRefused"),
        (302, ProxyRefused, "ProxyRefused"),
        (0, ProxyRefused, "ProxyRefused"),
        (429, ServiceUnavailable, "ProxyFailed"),
        (502, ServiceUnavailable, "ProxyFailed"),
    ],
)
def test_a_status_of_the_proxy_says_who_must_act(status: int, kind: type[Exception], reason: str) -> None:
    found = refused_by_proxy(status, "http://p.example:1", "https://h.example/secret")
    assert type(found) is kind
    assert found.reason == reason
    assert "/secret" not in found.message


def certificate_error(code: int, message: str = "certificate has expired") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.verify_code, error.verify_message = code, message
    return error


def hint_of(code: int, clock_ahead_s: float | None) -> str:
    found = tls_refusal(certificate_error(code), "https://h", is_handshake=True, clock_ahead_s=clock_ahead_s)
    assert isinstance(found, TlsFailed)
    return str(found.hint)


@pytest.mark.parametrize("code", [9, 10], ids=["not-yet-valid", "expired"])
@pytest.mark.parametrize(
    ("ahead_s", "says"),
    [
        (None, "if that is wrong, mend the clock; else renew"),
        (0.0, "as the service's did in its last answer: renew the certificate"),
        (59.0, "renew the certificate"),
        (7200.0, "7200 s behind the service's by its last answer: mend the clock"),
        (-7200.0, "7200 s ahead of the service's by its last answer: mend the clock"),
    ],
    ids=["unknown", "agree", "nearly", "behind", "ahead"],
)
def test_a_certificates_dates_are_set_beside_the_two_clocks(code: int, ahead_s: float | None, says: str) -> None:
    assert says in hint_of(code, ahead_s)


@pytest.mark.parametrize("code", [20, 62, 1], ids=["unknown-ca", "wrong-host", "other"])
def test_clocks_are_no_matter_where_the_dates_are_not(code: int) -> None:
    assert "clock" not in hint_of(code, 7200.0)


def _caused(kind: type[Exception], inner: Exception, is_group: bool) -> Exception:
    outer: Exception = ExceptionGroup("many", [inner]) if is_group else kind(CANARY)
    if not is_group:
        outer.__cause__ = inner
    return outer


errors = st.recursive(
    st.builds(
        lambda kind, text: kind(text),
        st.sampled_from([Exception, OSError, TimeoutError, ValueError, ssl.SSLError, RemoteProtocolError]),
        st.sampled_from(["", CANARY]),
    ),
    lambda inner: st.builds(_caused, st.sampled_from([Exception, ReadTimeout, OSError]), inner, st.booleans()),
    max_leaves=5,
)


@given(errors)
def test_no_chain_of_causes_is_told_with_nothing_or_with_what_was_sent(error: Exception) -> None:
    said = describe(error)
    assert said.strip()
    assert CANARY not in said


def test_a_chain_that_bites_its_tail_is_told_once() -> None:
    first, second = Exception(), Exception()
    first.__cause__, second.__cause__ = second, first
    assert describe(first) == "exception"
