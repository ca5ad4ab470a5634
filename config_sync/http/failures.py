"""Foreign exceptions of sockets, TLS, h11, httpcore and httpx in our words: who must act, and why it failed."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from config_sync.errors import ProxyRefused, ServiceError, ServiceUnavailable, UnexpectedResponse
from config_sync.http.tls_failures import tls_refusal, words_of


class DeadlinePassed(TimeoutError):
    """The whole exchange had its time."""


class StreamSilent(ServiceUnavailable):
    """A live stream sent no byte for `idle_timeout`: the connection may be dead at the other end without a word."""

    reason = "StreamSilent"


class StreamRenewed(StreamSilent):
    """A live stream was left because the files behind TLS changed: its next connection uses the new ones. No outage."""

    reason = "StreamRenewed"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """One way in which no answer comes: its reason, and what can be done."""

    reason: str
    hint: str


_UNRESOLVED = _Meaning("NameUnresolved", "is the name in service.host right, and does this machine's resolver know it?")
_REFUSED = _Meaning("ConnectFailed", "is the service running, and is the port in service.host right?")
_NO_WAY = _Meaning("ConnectFailed", "see this machine's routes, and firewalls on the way")
_NO_ANSWER = _Meaning(
    "TimedOut", "is the service stuck, or does something on the way swallow packets? service.request_timeout bounds it"
)
_SLOW = _Meaning(
    "AnswerTooSlow",
    "it answers, but not whole in time: see its load, and proxies on the way; service.request_timeout bounds it",
)
_RESET = _Meaning("ConnectionReset", "something closed it hard: see the logs of the service, and of proxies on the way")
_RESET_AFTER_TLS = _Meaning(
    # A server that refuses our certificate says so and closes; its word is lost where our request comes on top of it.
    "ConnectionReset",
    "something closed it hard: see the logs of the service, and of proxies on the way. Does the server want another "
    "client certificate (service.client_cert)?",
)
_CUT = _Meaning(
    "AnswerCutOff", "it has fewer bytes than it said: see the logs of the service, and of proxies on the way"
)
_HUNG_UP = _Meaning(
    "HungUp",
    "it took the connection and left without an answer: see its logs. Over TLS: does it want another client "
    "certificate (service.client_cert)?",
)
_OTHER = _Meaning("ServiceUnavailable", "if it lasts, see the logs of the service and of any proxy on the way")


def origin_of(url: str) -> str:
    """Scheme, host and port of `url` for a message: no user, no password, no path, no query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "an address without a host"


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, outermost first, up to the first that is the system's own word.

    Several httpx errors say nothing themselves, and httpcore cuts ``__cause__`` off, so ``__context__`` is followed
    too; but not beyond the system's word, where it only tells what was tried before.
    """
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        if isinstance(current, TimeoutError) or (isinstance(current, OSError) and current.strerror):
            return
        if isinstance(current, BaseExceptionGroup):  # anyio: one failed connect for each address
            current = current.exceptions[0]
        else:
            current = current.__cause__ or current.__context__


def describe(error: BaseException) -> str:
    """The reason in a few words, such as ``Connection refused``; never empty, never what the server sent."""
    last = error
    for link in chain_of(error):
        last = link
        if isinstance(link, ssl.SSLError):
            return words_of(link)
        if isinstance(link, DeadlinePassed):
            return str(link)
        if isinstance(link, OSError) and link.strerror:
            # asyncio puts a sentence of its own in place of the system's; gaierror's numbers are not errno's.
            return os.strerror(link.errno) if link.errno is not None and link.errno > 0 else link.strerror
    if isinstance(last, TimeoutError):
        return "timed out"
    if type(last).__name__ == "RemoteProtocolError":  # of h11, httpcore and httpx alike
        return "the answer broke off"
    # The text of other kinds may quote what the server sent (h11 does), so only the kind is told: "read error".
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(last).__name__).lower()


def translate(
    error: Exception,
    *,
    url: str,
    stage: str,
    is_handshake: bool = False,
    is_answered: bool = False,
    proxy: str | None = None,
    clock_ahead_s: float | None = None,
) -> ServiceError:
    """The error to raise `from` a failed exchange with `url`; `stage` says what was being done: ``connecting``.

    `is_answered`: a byte of an answer had come. `proxy`: the origin of the proxy, where it was the proxy that was to be
    reached or asked. `clock_ahead_s`: see `Tls`. What the server sent is never quoted.
    """
    if proxy is not None:
        return ServiceUnavailable(
            f"the proxy {proxy}: {stage}: {describe(error)}",
            hint="is service.proxy right, and does the proxy run? It was not the service that failed",
            reason="ProxyUnreachable",
        )
    where = origin_of(url)
    for link in chain_of(error):
        if isinstance(link, ssl.SSLError):
            found = tls_refusal(link, where, is_handshake=is_handshake, clock_ahead_s=clock_ahead_s)
            if found is not None:
                return found
    meaning = _meaning_of(error, is_answered=is_answered)
    if meaning is _RESET and not is_answered and url.startswith("https:"):
        meaning = _RESET_AFTER_TLS
    return ServiceUnavailable(f"{where}: {stage}: {describe(error)}", hint=meaning.hint, reason=meaning.reason)


def _meaning_of(error: Exception, *, is_answered: bool) -> _Meaning:
    *_, last = chain_of(error)
    if isinstance(last, socket.gaierror):
        return _UNRESOLVED
    if isinstance(last, TimeoutError) or any("Timeout" in type(link).__name__ for link in chain_of(error)):
        # ETIMEDOUT is a TimeoutError too: TCP had no word from the other side (tcp(7)).
        return _SLOW if is_answered else _NO_ANSWER
    if isinstance(last, ConnectionRefusedError):
        return _REFUSED
    if isinstance(last, ConnectionResetError | BrokenPipeError):
        return _RESET
    if isinstance(last, ssl.SSLError):
        return _HUNG_UP if isinstance(last, ssl.SSLEOFError | ssl.SSLZeroReturnError) and not is_answered else _OTHER
    if isinstance(last, OSError):
        return _NO_WAY if last.errno in _WAYLESS else _OTHER
    if type(last).__name__ == "RemoteProtocolError":
        return _CUT if is_answered else _HUNG_UP
    return _OTHER


_WAYLESS = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL, errno.EACCES)


def refused_by_proxy(status: int, proxy: str, url: str) -> ServiceError:
    """The error where the proxy answered a request for a way to `url` with this status."""
    said = f"the proxy {proxy} answers {status} to a request for a way to {origin_of(url)}"
    if status == 407:
        return ProxyRefused(f"{said}: it wants to know who asks", hint=PROXY_AUTH_HINT, reason="ProxyAuthRequired")
    if status in (408, 425, 429) or status >= 500:
        return ServiceUnavailable(
            f"{said}: it cannot reach it",
            hint="is the name in service.host right as the proxy sees it, and is the service up? See the proxy's log",
            reason="ProxyFailed",
        )
    return ProxyRefused(
        f"{said}: it does not allow it", hint="allow the service's host and port in the proxy's rules; see its log"
    )


PROXY_AUTH_HINT = "put user and password into service.proxy: http://USER:PASSWORD@HOST:PORT, percent-encoded"


def not_http(url: str) -> UnexpectedResponse:
    """What answers at `url` does not speak HTTP/1.1."""
    return UnexpectedResponse(
        f"the answer of {origin_of(url)} is not HTTP",
        hint="is the port in service.host the Config Service's?",
        reason="NotHttp",
    )


def proxy_not_http(proxy: str) -> UnexpectedResponse:
    """What answers as the proxy does not speak HTTP/1.1."""
    return UnexpectedResponse(
        f"the answer of the proxy {proxy} is not HTTP",
        hint="is the port in service.proxy that of an HTTP proxy, without TLS?",
        reason="ProxyNotHttp",
    )


def fold_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; repeated ones are joined with a comma (RFC 9110 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def refuse_encoded(headers: Mapping[str, str], url: str) -> None:
    """Raises UnexpectedResponse for a ``Content-Encoding``: we asked for none, and half a MB of gzip holds 64 MB."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnexpectedResponse(
            f"{origin_of(url)} sends an encoded body (Content-Encoding), though `identity` was asked for",
            hint="a proxy between compresses: switch that off for the Config Service",
            reason="EncodingRefused",
        )
