"""Foreign exceptions of sockets, TLS, h11, httpcore and httpx in our words: who must act, and why it failed."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from config_sync.errors import ServiceError, ServiceUnavailable, TlsFailed, UnexpectedResponse


class DeadlinePassed(TimeoutError):
    """The whole exchange had its time."""


class StreamSilent(ServiceUnavailable):
    """A live stream sent no byte for `idle_timeout`: the connection may be dead at the other end without a word."""

    reason = "StreamSilent"


# X509_V_ERR_* of OpenSSL (x509_vfy.h).
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME = (62, 64)


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
    while current is not None:
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
        if isinstance(link, ssl.SSLCertVerificationError):
            return str(link.verify_message)
        if isinstance(link, ssl.SSLError):
            reason: str | None = getattr(link, "reason", None)  # absent where it was not OpenSSL that complained
            return (reason or "TLS error").replace("_", " ").lower()
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


def translate(error: Exception, *, url: str, stage: str, is_handshake: bool = False) -> ServiceError:
    """The error to raise `from` a failed exchange with `url`; `stage` says what was being done: ``connecting``.

    What the server sent is never quoted.
    """
    where = origin_of(url)
    for link in chain_of(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return _certificate_refused(link, where)
        # A peer that hangs up has refused nothing; older builds of OpenSSL and Python name it in two ways.
        is_hang_up = isinstance(link, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        if isinstance(link, ssl.SSLError) and is_handshake and not is_hang_up:
            return TlsFailed(
                f"the TLS handshake with {where} failed: {describe(link)}",
                hint="does that port speak TLS, in version 1.2 or later? A plain one is http://",
            )
    hint = "if it lasts, see the logs of the service and of any proxy on the way"
    if any(isinstance(link, socket.gaierror) for link in chain_of(error)):
        hint = "is the name in service.host right, and does this machine's resolver know it?"
    elif any(isinstance(link, ConnectionRefusedError) for link in chain_of(error)):
        hint = "is the service running, and is the port in service.host right?"
    return ServiceUnavailable(f"{where}: {stage}: {describe(error)}", hint=hint)


def not_http(url: str) -> UnexpectedResponse:
    """What answers at `url` does not speak HTTP/1.1."""
    return UnexpectedResponse(
        f"the answer of {origin_of(url)} is not HTTP", hint="is the port in service.host the Config Service's?"
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
        )


def _certificate_refused(error: ssl.SSLCertVerificationError, where: str) -> TlsFailed:
    code = error.verify_code
    if code in (_NOT_YET_VALID, _EXPIRED):
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        hint = f"this machine's clock says {clock}: if that is wrong, mend the clock; else renew the certificate"
    elif code in _WRONG_NAME:
        hint = "service.host must be a name that the certificate carries"
    elif code in _SELF_SIGNED or code in _UNKNOWN_ISSUER:
        hint = "a private CA goes into service.ca_file; the server must send its intermediate certificates"
    else:
        hint = "see the server's certificate"
    return TlsFailed(f"the certificate of {where} is refused: {error.verify_message}", hint=hint)
