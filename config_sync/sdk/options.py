"""What a client is made with, checked at the border: `Options`, `AsyncOptions`, `GetOptions`."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from config_sync.http.loopback import is_plain_and_remote
from config_sync.model import ConfigName, ConfigRef, EncryptionKey
from config_sync.sdk.errors import ConfigClientError

if TYPE_CHECKING:
    import httpx

_logger = logging.getLogger("config_sync.sdk")

ENVIRONMENT = {
    "host": "CONFIG_SERVICE_HOST",
    "service_token": "CONFIG_SERVICE_TOKEN",
    "encryption_key": "CONFIG_SERVICE_KEY",
}
"""Option to variable, as `from_env` reads them."""

_warned: set[str] = set()


@dataclass
class Options:
    """How to reach the service; the order is the published one. Checked when made: `ConfigClientError` if invalid.

    `host` is the base URL; plain http works and is warned about once, since only TLS tells *which* config an answer
    is. `encryption_key` is 64 hex characters (32 bytes). The token and the key are hidden in `repr`.

    `http_client` carries everything, streams too, and is never closed by the SDK. `request_timeout` (seconds) bounds
    one whole attempt: look-up, connect, TLS, headers and body. A call makes 1 + `retry_count` attempts at most; the
    wait before the k-th retry is uniform in [0, min(30, `retry_delay` * 2**k)] seconds, and no shorter than a
    ``Retry-After``; one of more than 30 s ends the call at once.

    `on_error` is called with each failure of a watch, which goes on; `on_change` with the config's name at each change.
    """

    host: str
    service_token: str = field(repr=False)
    encryption_key: str = field(repr=False)
    http_client: httpx.Client | None = None
    request_timeout: float = 10.0
    retry_count: int = 3
    retry_delay: float = 1.0
    on_error: Callable[[Exception], None] | None = None
    on_change: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        check(self)


@dataclass
class AsyncOptions:
    """The same as `Options`, in the same order, for `AsyncConfigClient`; the callbacks may be coroutine functions."""

    host: str
    service_token: str = field(repr=False)
    encryption_key: str = field(repr=False)
    http_client: httpx.AsyncClient | None = None
    request_timeout: float = 10.0
    retry_count: int = 3
    retry_delay: float = 1.0
    on_error: Callable[[Exception], Awaitable[None] | None] | None = None
    on_change: Callable[[str], Awaitable[None] | None] | None = None

    def __post_init__(self) -> None:
        check(self)


@dataclass
class GetOptions:
    """Which document: an environment (``""``: the default one) and a version (0: the newest)."""

    environment: str = ""
    version: int = 0


def check(options: Options | AsyncOptions) -> None:
    """Raises ConfigClientError for the first option that is invalid; no message quotes a secret."""
    _check_host(options.host)
    token: object = options.service_token
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise _invalid("service_token", "must be one word of printable ASCII, not empty")
    key: object = options.encryption_key
    if not isinstance(key, str):
        raise _invalid("encryption_key", "must be 64 hex characters (32 bytes)")
    try:
        EncryptionKey(key)
    except ValueError as error:
        raise _invalid("encryption_key", f"is refused: {error}") from None
    timeout, delay = _number(options.request_timeout), _number(options.retry_delay)
    if timeout is None or timeout <= 0:
        raise _invalid("request_timeout", "must be a number of seconds above 0")
    if delay is None or delay < 0:
        raise _invalid("retry_delay", "must be a number of seconds, 0 or more")
    count: object = options.retry_count
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise _invalid("retry_count", "must be a whole number, 0 or more")
    callbacks: Mapping[str, object] = {"on_error": options.on_error, "on_change": options.on_change}
    for name, callback in callbacks.items():
        if callback is not None and not callable(callback):
            raise _invalid(name, "must be callable")
    if options.http_client is not None:
        _check_client(options.http_client, is_async=isinstance(options, AsyncOptions))


def warn_once(host: str) -> None:
    """One warning in a process for each service that is reached by plain http beyond this machine."""
    name = urlsplit(host).hostname or ""
    if is_plain_and_remote(host) and name not in _warned:
        _warned.add(name)
        _logger.warning("%s is plain http: others on the way can read the token, and swap one config for another", name)


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The three required options from their variables. Raises ConfigClientError for the first that is missing."""
    for variable in ENVIRONMENT.values():
        if not environ.get(variable):
            raise ConfigClientError(
                f"the environment variable {variable} is not set",
                hint="`config-sync serve` prints the three for development",
            )
    return {option: environ[variable] for option, variable in ENVIRONMENT.items()}


def config_name(text: str) -> ConfigName:
    """The name, which cannot leave its path segment. Raises ConfigClientError, before any request."""
    given: object = text
    if not isinstance(given, str):
        raise ConfigClientError("a config name is text")
    try:
        return ConfigName(given)
    except ValueError as error:
        raise ConfigClientError(f"not a config name: {error}") from None


def config_ref(name: str, options: GetOptions | None) -> ConfigRef:
    """Which document to ask for. Raises ConfigClientError, before any request."""
    found = config_name(name)
    if options is None:
        return ConfigRef(found)
    environment: object = options.environment
    if not isinstance(environment, str) or any(0xD800 <= ord(one) <= 0xDFFF for one in environment):
        raise ConfigClientError("GetOptions.environment must be valid text")
    version: object = options.version
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 2**63:
        raise ConfigClientError("GetOptions.version must be a whole number, 0 (the newest) or more")
    return ConfigRef(found, environment or None, version or None)


def _check_host(host: object) -> None:
    if not isinstance(host, str) or not host:
        raise _invalid("host", "must not be empty")
    try:
        parts = urlsplit(host)
        port = parts.port
    except ValueError:
        raise _invalid("host", "is not a base URL: the host or port is malformed") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid("host", "must be a base URL such as https://config.example.com")
    if "@" in parts.netloc:
        raise _invalid("host", "must not hold a user or password: the token is sent as a header")
    if port == 0 or re.search(r"[?#\s\x00-\x1f\x7f]", host):
        raise _invalid("host", "must be a base URL, without blanks, ? or #")
    try:
        host.partition("://")[2].partition("/")[0].encode("idna" if not host.isascii() else "ascii")
    except UnicodeError:
        raise _invalid("host", "is not a host name") from None


def _check_client(client: object, *, is_async: bool) -> None:
    """By what is used of it: importing httpx only to name the class would cost those who give none."""
    wanted, closes = ("httpx.AsyncClient", "aclose") if is_async else ("httpx.Client", "close")
    if not all(callable(getattr(client, name, None)) for name in ("send", "build_request", closes)):
        raise _invalid("http_client", f"must be an {wanted}")


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _invalid(name: str, what: str) -> ConfigClientError:
    return ConfigClientError(f"Options.{name} {what}")
