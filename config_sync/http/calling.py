"""One call of a program on or near this machine: which status it answers. Under the same deadline and stop as fetches.

A connection of its own, closed afterwards: calls are rare, and to strangers. No redirect is followed, no proxy of the
environment is used, and of the body nobody here wants more than its end.
"""

from __future__ import annotations

import enum
import ssl
from collections.abc import Mapping

from config_sync import __version__
from config_sync.errors import TlsFailed
from config_sync.http.engine import httpcore
from config_sync.http.exchange import Exchange
from config_sync.http.failures import DeadlinePassed, chain_of, describe
from config_sync.http.tls import Tls
from config_sync.http.wire import Backend
from config_sync.model import StopSignal

MAX_BODY = 64 * 1024
"""Bytes of a body that are read, so that the other side can finish; a longer one is cut off, which is no failure."""

_WITH_BODY = ("POST", "PUT", "PATCH")
"""Methods that say how long their body is, also where it is empty (RFC 9110 8.6); some servers answer 411 else."""


class Failure(enum.Enum):
    """Why there is no answer."""

    REFUSED = "refused"
    """Nobody listens there."""
    UNREACHABLE = "unreachable"
    """No address, no way, or the connection broke."""
    TIMED_OUT = "timed out"
    TLS = "TLS"
    NOT_HTTP = "not HTTP"


class CallFailed(Exception):
    """There is no answer. The text is one clause; what the other side sent is never quoted."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


def call(method: str, url: str, headers: Mapping[str, str], *, timeout_s: float, stop: StopSignal) -> int:
    """The status of the answer, whose body has come to its end.

    `timeout_s` bounds all of it: look-up, connect, handshake, headers and body. `url` is ASCII, with http or https.

    Raises:
        CallFailed: no complete answer.
        Stopped: `stop` was set before the end.
    """
    exchange = Exchange(stop, timeout_s=timeout_s, connect_timeout_s=timeout_s)
    exchange.check()
    backend = Backend()
    backend.exchange = exchange
    try:
        with httpcore.ConnectionPool(
            ssl_context=Tls().context() if url.startswith("https:") else None,
            max_connections=1,
            http1=True,
            http2=False,
            retries=0,
            network_backend=backend,
        ) as pool:
            return _exchange(pool, method, url, headers, exchange)
    except TlsFailed as error:
        raise CallFailed(Failure.TLS, error.message) from error
    except (httpcore.ProtocolError, httpcore.NetworkError, OSError) as error:
        raise _translated(error, exchange) from error


def _exchange(
    pool: httpcore.ConnectionPool, method: str, url: str, headers: Mapping[str, str], exchange: Exchange
) -> int:
    sent = {
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": f"config-sync/{__version__}",
        "Connection": "close",
    }
    given = {name.lower() for name in headers}
    sent = {name: value for name, value in sent.items() if name.lower() not in given} | dict(headers)
    content = b"" if method in _WITH_BODY else None
    with pool.stream(method, url, headers=list(sent.items()), content=content) as answer:
        if 200 <= answer.status < 300:  # the body of a refusal may never end, and changes nothing
            exchange.stage = "reading the answer"
            size = 0
            for chunk in answer.iter_stream():
                size += len(chunk)
                if size > MAX_BODY:
                    break
        return answer.status


def _translated(error: Exception, exchange: Exchange) -> CallFailed:
    links = tuple(chain_of(error))
    if any(isinstance(link, DeadlinePassed) for link in links):
        return CallFailed(Failure.TIMED_OUT, f"{exchange.stage}: {describe(error)}")
    is_hang_up = any(isinstance(link, ssl.SSLEOFError | ssl.SSLZeroReturnError) for link in links)
    if any(isinstance(link, ssl.SSLError) for link in links) and not is_hang_up:
        return CallFailed(Failure.TLS, f"the TLS handshake failed: {describe(error)}")
    if any(isinstance(link, ConnectionRefusedError) for link in links):
        return CallFailed(Failure.REFUSED, f"{exchange.stage}: {describe(error)}")
    if isinstance(error, httpcore.ProtocolError) and not exchange.has_ended:
        return CallFailed(Failure.NOT_HTTP, "what answers does not speak HTTP")
    return CallFailed(Failure.UNREACHABLE, f"{exchange.stage}: {describe(error)}")
