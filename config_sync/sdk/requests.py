"""The core of both clients, without I/O: what to ask as data, what an answer means, and when to ask again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from config_sync.backoff import Backoff, Delays
from config_sync.client.answers import media_type, refusal, unlike_content, version_of
from config_sync.client.endpoint import Endpoint
from config_sync.client.listing import ConfigInfo, parse_listing
from config_sync.crypto import decrypt
from config_sync.document import parse_document
from config_sync.errors import ServiceUnavailable, SyncError, UnexpectedResponse
from config_sync.http.failures import origin_of, refuse_encoded
from config_sync.http.tls import Tls
from config_sync.model import ConfigName, ConfigRef, EncryptionKey, Secret
from config_sync.sdk.decoding import decode
from config_sync.sdk.errors import ConfigClientError, UnmarshalError, client_error
from config_sync.sdk.options import AsyncOptions, Options, check, warn_once
from config_sync.sdk.types import Format

if TYPE_CHECKING:
    from config_sync.http.fetching import Response

T = TypeVar("T")

MAX_BYTES = 16 * 1024**2
"""One body's limit. The published SDK has none: a server that never ends its answer fills the memory."""

CONNECT_TIMEOUT_S = 5.0
"""Look-up, connect and TLS of one attempt, within `request_timeout` where that is shorter."""

IDLE_TIMEOUT_S = 90.0
"""A stream's silence after which it is opened anew: services comment every 15-30 s."""

LONGEST_DELAY_S = 30.0
"""Between two attempts, as in the published SDK."""

EVENT_STREAM = "text/event-stream"
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Request:
    """One GET. `etag` asks for the answer only if it differs; `last_event_id` is where a stream left off."""

    url: str
    what: str
    is_stream: bool = False
    etag: str | None = None
    last_event_id: str | None = None


class _GivenToken:
    """The token of the options, as `Endpoint` reads it."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def read(self) -> Secret:
        """The token."""
        return self._token

    def describe(self) -> str:
        """Where it came from."""
        return "Options.service_token"


class Requests:
    """Everything that is asked of one service, and what its answers mean."""

    def __init__(self, options: Options | AsyncOptions) -> None:
        check(options)  # once more: the options are mutable
        warn_once(options.host)
        self.timeout_s = float(options.request_timeout)
        self.connect_timeout_s = min(CONNECT_TIMEOUT_S, self.timeout_s)
        self.tls = Tls()
        self._key = EncryptionKey(options.encryption_key)
        self._endpoint = Endpoint(options.host, _GivenToken(options.service_token), tls=self.tls)

    def config(self, ref: ConfigRef, etag: str | None = None) -> Request:
        """For one document, encrypted."""
        return Request(self._endpoint.config_url(ref), f"config {ref.name}", etag=etag)

    def formatted(self, name: ConfigName, form: Format | str) -> Request:
        """For one document in plain text."""
        try:
            word = Format(form).value
        except ValueError:
            raise ConfigClientError(f"a format is one of {', '.join(Format)}") from None
        return Request(self._endpoint.formatted_url(name, word), f"config {name} as {word}")

    def listing(self) -> Request:
        """For the list."""
        return Request(self._endpoint.list_url(), "the list of configs")

    def stream(self, name: ConfigName, last_event_id: str) -> Request:
        """For one config's changes."""
        return Request(
            self._endpoint.watch_url(name),
            f"the stream of config {name}",
            is_stream=True,
            last_event_id=last_event_id or None,
        )

    def headers(self, request: Request) -> dict[str, str]:
        """What the request carries, the token among them."""
        extra: dict[str, str] = {}
        if request.etag is not None:
            extra["If-None-Match"] = request.etag
        if request.is_stream:
            extra["Cache-Control"] = "no-cache"
        if request.last_event_id is not None and _is_sendable(request.last_event_id):
            extra["Last-Event-ID"] = request.last_event_id
        accept = EVENT_STREAM if request.is_stream else "*/*"
        return self._endpoint.headers(self._endpoint.token.read(), accept=accept, extra=extra)

    def judge(self, request: Request, status: int, headers: Mapping[str, str]) -> SyncError | None:
        """What is wrong with an answer, by its head alone; None where it is what was asked for (or 304 for an etag)."""
        if status == _NOT_MODIFIED and request.etag is not None:
            return None
        source = self._endpoint.token.describe()
        said = refusal(status, headers, what=request.what, url=request.url, token=source, now=time.time())
        if said is not None:
            return said
        if not request.is_stream:
            return unlike_content(status, headers, what=request.what, url=request.url)
        where = origin_of(request.url)
        if status != 200:
            return UnexpectedResponse(f"{request.what}: {where} answers {status}: it offers none")
        if (sent := media_type(headers)) != EVENT_STREAM:
            return UnexpectedResponse(
                f"{request.what}: {where} answers with {sent or 'no content type'}, not with {EVENT_STREAM}",
                hint="does Options.host lead to the Config Service, and not to a proxy or a login page?",
            )
        try:
            refuse_encoded(headers, request.url)
        except UnexpectedResponse as error:
            return error
        return None

    def open(self, body: bytes) -> bytes:
        """The plaintext of a document. Raises DecryptionError."""
        try:
            return decrypt(body, [self._key]).plaintext
        except SyncError as error:
            raise client_error(error) from error

    def entries(self, response: Response, request: Request) -> list[ConfigInfo]:
        """The list of configs. Raises InvalidResponseError."""
        try:
            return [*parse_listing(response.body, where=origin_of(request.url))]
        except SyncError as error:
            raise client_error(error, status=response.status) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """A document's decrypted bytes and what came with them; `plaintext` None: unchanged since `etag`."""

    plaintext: bytes | None
    version: int | None
    etag: str | None


def answer_of(requests: Requests, response: Response) -> Answer:
    """What a config's response holds. Raises DecryptionError."""
    version, etag = version_of(response.headers), response.headers.get("etag")
    if response.status == _NOT_MODIFIED:
        return Answer(None, version, etag)
    return Answer(requests.open(response.body), version, etag)


def unmarshal(plaintext: bytes, target: type[T]) -> T:
    """The document as `target`. Raises UnmarshalError."""
    try:
        parse_document(plaintext)  # refuses what two readers could understand differently
    except SyncError as error:
        raise client_error(error) from error
    try:
        value: object = json.loads(plaintext)
    except ValueError:  # a whole number of over 4300 digits; the text of the error may quote it
        value = None
        problem = UnmarshalError("the document has a number that Python does not read: it has too many digits")
    else:
        return decode(value, target)
    raise problem


class Tries:
    """How often one call asks again, and after how long."""

    def __init__(self, options: Options | AsyncOptions, chance: Callable[[], float] = random.random) -> None:
        self._left = options.retry_count
        self._delays = Delays(Backoff(2.0 * options.retry_delay, LONGEST_DELAY_S), chance)
        self.made = 1

    def delay_after(self, error: SyncError) -> float | None:
        """Seconds until the next attempt, None where `error` is final.

        A ``Retry-After`` is a floor. One that asks for more than 30 s is not sat out: the call fails at once.
        """
        if not isinstance(error, ServiceUnavailable) or self._left <= 0:
            return None
        if error.retry_after_s is not None and error.retry_after_s > LONGEST_DELAY_S:
            return None
        self._left -= 1
        self.made += 1
        return self._delays.next(error.retry_after_s)


def _is_sendable(event_id: str) -> bool:
    """Whether a header may carry the id (at most 1024 characters, no control characters, no blanks around it)."""
    return (
        len(event_id) <= 1024
        and event_id == event_id.strip(" \t")
        and not any(character < " " or "\x7f" <= character < "\xa0" for character in event_id)
    )
