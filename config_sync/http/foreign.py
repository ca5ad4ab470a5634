"""What a client of the program's own raised, in our words. Imports httpx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config_sync.errors import ServiceError
from config_sync.http.failures import chain_of, not_http, origin_of, translate
from config_sync.http.library import httpx


def client_failure(error: Exception, *, url: str, stage: str, is_answered: bool = False) -> ServiceError:
    """The error to raise `from` what an httpx client, or a transport or hook in it, raised. Never its text.

    `is_answered`: the head of an answer had come.
    """
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, (httpx.TransportError, OSError)):
        if not is_answered and any(type(link).__module__.partition(".")[0] == "h11" for link in chain_of(error)):
            return not_http(url)
        is_connecting = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        return translate(
            error,
            url=url,
            stage="connecting" if is_connecting else stage,
            is_handshake=is_connecting,
            is_answered=is_answered,
        )
    return ServiceError(
        f"{origin_of(url)}: {stage}: the given http_client raised {type(error).__name__}",
        hint="is the client open? See its hooks, its authentication and its transport; the cause is chained",
    )


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as bytes: a Last-Event-ID is UTF-8 (HTML, section 9.2.3), which httpx would guess at."""
    return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]


def body_chunks(response: httpx.Response) -> Iterator[bytes]:
    """The body as it comes; all at once where a hook of the program has read it already."""
    if response.is_stream_consumed:
        yield response.content
    else:
        yield from response.iter_raw()
