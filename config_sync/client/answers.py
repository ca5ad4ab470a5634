"""What an answer means: the one table from HTTP to our errors. No body is ever looked at here, nor shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urljoin

from config_sync.backoff import parse_retry_after
from config_sync.errors import (
    Forbidden,
    NotFound,
    ProxyRefused,
    ServiceError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.http.failures import PROXY_AUTH_HINT, origin_of

_LATER = (408, 425, 429)
"""Request Timeout, Too Early (RFC 8470), Too Many Requests (RFC 6585): the 4xx that heal by themselves."""

_NO_CONTENT = (204, 205, 206)
"""Successes that carry no document, or part of one."""

_NEVER_A_CONFIG = ("text/html", "application/xhtml+xml", "text/event-stream")
"""Neither SDK looks at the type, so anything passes but what only a proxy, a login page or a stream would send."""


def media_type(headers: Mapping[str, str]) -> str:
    """The content type without its parameters, in lower case; empty where none was sent."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def version_of(headers: Mapping[str, str]) -> int | None:
    """``X-Config-Version``, where a sensible one was sent."""
    text = headers.get("x-config-version", "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def refusal(
    status: int, headers: Mapping[str, str], *, what: str, url: str, token: str, now: float, proxy: str | None = None
) -> ServiceError | None:
    """The error that an answer's status stands for; None for success (2xx).

    `what` names what was asked for (``config my-service``), `token` where the token came from, `now` is Unix time.
    `proxy`: the origin of a proxy that hands on requests and could have answered itself (plain http only).
    """
    said = f"{what}: {origin_of(url)} answers {status}" + (f", through the proxy {proxy}" if proxy else "")
    match status:
        case 401:
            return Unauthorized(
                f"{said}: unauthorized",
                hint=f"the token from {token} is wrong, revoked or expired: put a valid one there",
            )
        case 403:
            return Forbidden(
                f"{said}: forbidden", hint=f"give the service account of the token from {token} the right to read it"
            )
        case 404:
            return NotFound(
                f"{said}: not found",
                hint="see `config-sync list` for the names this token may read, and check `environment` and `version`",
            )
        case 407:
            return ProxyRefused(
                f"{said}: the proxy wants to know who asks", hint=PROXY_AUTH_HINT, reason="ProxyAuthRequired"
            )
        case 502 | 504 if proxy is not None:
            return ServiceUnavailable(
                f"{said}: it cannot reach the service",
                hint="is service.host right as the proxy sees it, and is the service up? See the proxy's log",
                reason="ProxyFailed",
            )
        case 429:
            wish_s = parse_retry_after(headers.get("retry-after", ""), now)
            return ServiceUnavailable(
                f"{said}: too many requests{_wish(wish_s)}",
                hint="ask its operators for a higher limit, or set a longer service.resync",
                reason="RateLimited",
                retry_after_s=wish_s,
            )
        case _ if status in _LATER or status >= 500:
            retry_after_s = parse_retry_after(headers.get("retry-after", ""), now)
            return ServiceUnavailable(
                f"{said}{_wish(retry_after_s)}",
                hint="see the service's own logs if it lasts",
                retry_after_s=retry_after_s,
            )
        case _ if 200 <= status < 300:
            return None
        case _ if 300 <= status < 400:
            return UnexpectedResponse(
                f"{said}: a redirect{_destination(headers, url)}, which is not followed: it would carry the token away",
                hint="service.host must be the Config Service's own address",
                reason="RedirectRefused",
            )
        case 400:
            return UnexpectedResponse(
                f"{said}: bad request",
                hint=f"{_HINT} nginx answers so where it misses a client certificate (service.client_cert)",
            )
        case _:
            return UnexpectedResponse(f"{said}, which the protocol does not know", hint=_HINT)


def unlike_content(status: int, headers: Mapping[str, str], *, what: str, url: str) -> UnexpectedResponse | None:
    """The error where a success carries no content of the service's: nothing at all, a web page, a stream."""
    if status in _NO_CONTENT:
        return UnexpectedResponse(
            f"{what}: {origin_of(url)} answers {status}, without the content", hint=_HINT, reason="NoContent"
        )
    if (sent := media_type(headers)) in _NEVER_A_CONFIG:
        return UnexpectedResponse(
            f"{what}: {origin_of(url)} answers {status} with {sent}, not with it", hint=_HINT, reason="WrongContentType"
        )
    return None


_HINT = "does service.host lead to the Config Service, and not to a proxy, a login page or another program?"


def _wish(retry_after_s: float | None) -> str:
    return "" if retry_after_s is None else f", and asks for {retry_after_s:g} s of patience"


def _destination(headers: Mapping[str, str], url: str) -> str:
    try:
        origin = origin_of(urljoin(url, headers.get("location", "")))
    except ValueError:  # a broken IPv6 address
        return ""
    return "" if "location" not in headers else f" to {origin[:200]}"
