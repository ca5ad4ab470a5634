"""What an SDK call can raise: the published names, one root, nothing foreign beside them.

::

    ConfigClientError        invalid options or names, a closed client; `.status`, `.hint`
    ├── UnauthorizedError    401
    ├── ForbiddenError       403
    ├── NotFoundError        404
    ├── InvalidResponseError any other 4xx (408, 425 and 429 after the retries), 3xx, a body that is not the service's
    ├── ConnectionError      no answer, TLS, or 5xx, after the retries
    ├── DecryptionError      a wrong key, or damaged data
    └── UnmarshalError       not JSON, or a value that does not fit the type; names the field path, never the value
"""

from __future__ import annotations

from config_sync.errors import (
    DecryptFailed,
    DocumentRefused,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    SyncError,
    TlsFailed,
    Unauthorized,
    UnexpectedResponse,
)


class ConfigClientError(Exception):
    """Any failure of the SDK. Raised as itself for invalid options and names, and for a client that is closed.

    `status` is the HTTP status of the answer that decided, None where none did; `hint` says what can be done about
    it, None where nothing is known. A traceback shows the hint too. Neither it nor the message holds a secret.
    """

    def __init__(self, *args: object, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(*args)
        self.status = status
        self.hint = hint
        if hint is not None:
            self.add_note(f"hint: {hint}")


class UnauthorizedError(ConfigClientError):
    """401: the service token is wrong, revoked or expired. Not retried."""


class ForbiddenError(ConfigClientError):
    """403: the token may not read this config. Not retried."""


class NotFoundError(ConfigClientError):
    """404: no such config, environment or version, or none that the token may see. Not retried."""


class DecryptionError(ConfigClientError):
    """The key does not open the answer: another key, or damaged data. Not retried."""


class InvalidResponseError(ConfigClientError):
    """An answer that is not the protocol's: another 4xx, a redirect (never followed), a web page, a body over 16 MiB.

    408, 425 and 429 are retried first. Also for a list that is not what the protocol describes.
    """


class ConnectionError(ConfigClientError):  # noqa: A001  # the published name
    """No complete answer in time, a refused certificate, or a 5xx, after all retries."""


class UnmarshalError(ConfigClientError):
    """The decrypted bytes are not JSON, or a value does not fit the type; the message names where, never what."""


_CLASSES: tuple[tuple[type[SyncError], type[ConfigClientError]], ...] = (
    (Unauthorized, UnauthorizedError),
    (Forbidden, ForbiddenError),
    (NotFound, NotFoundError),
    (ServiceUnavailable, ConnectionError),
    (TlsFailed, ConnectionError),
    (UnexpectedResponse, InvalidResponseError),
    (DecryptFailed, DecryptionError),
    (DocumentRefused, UnmarshalError),
)

_HINTS: dict[type[SyncError], str] = {
    Unauthorized: "Options.service_token is wrong, revoked or expired",
    Forbidden: "the token's service account needs the right to read it",
    NotFound: "client.list() tells the names that this token may read; check environment and version too",
    DecryptFailed: "compare Options.encryption_key with the service's",
}

_WORDS = (
    ("service.host", "Options.host"),
    ("service.ca_file", "an http_client with verify=ssl.create_default_context(cafile=...)"),
    ("service.request_timeout", "Options.request_timeout"),
    ("service.client_cert", "an http_client with a context that has the certificate"),
    ("service.resync", "retry_delay"),
    ("service.key", "Options.encryption_key"),
    ("raise service.max_size if a config this large is meant", "a config has at most 16 MiB"),
)
"""The agent's settings in its hints, and what an SDK user turns instead."""


def client_error(error: SyncError, *, status: int | None = None, tries: int = 1) -> ConfigClientError:
    """The error to raise `from` one of the agent's; `tries` is how often it was met in a row."""
    kind = next((mine for theirs, mine in _CLASSES if isinstance(error, theirs)), ConfigClientError)
    if kind is ConnectionError and status is not None and status < 500:
        kind = InvalidResponseError
    hint = next((text for theirs, text in _HINTS.items() if isinstance(error, theirs)), error.hint)
    for theirs, mine in _WORDS:
        hint = None if hint is None else hint.replace(theirs, mine)
    counted = f" ({tries} attempts)" if tries > 1 else ""
    return kind(f"{error.message}{counted}", status=status, hint=hint or None)


def closed() -> ConfigClientError:
    """What a call on a closed client, or one that `close` ended, raises."""
    return ConfigClientError("the client is closed", hint="make another one: a closed client stays closed")
