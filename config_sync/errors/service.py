"""The Config Service did not give what was asked for."""

from __future__ import annotations

from config_sync.errors.exits import Exit, Retry
from config_sync.errors.root import SyncError


class ServiceError(SyncError):
    """The Config Service did not give what was asked for.

    The class says who must act; `reason`, where one is given, which fault of that class it was.
    """

    def __init__(self, message: str, *, hint: str | None = None, reason: str | None = None) -> None:
        super().__init__(message, hint=hint)
        if reason is not None:
            self.reason = reason


class ServiceUnavailable(ServiceError):
    """No answer, or one that says "later" (408, 425, 429, 5xx)."""

    exit_code = Exit.SERVICE
    reason = "ServiceUnavailable"
    transient = True

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        reason: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.retry_after_s = retry_after_s
        """Seconds, from ``Retry-After`` (RFC 9110 10.2.3); a floor for the next try, capped at 300."""


class TlsFailed(ServiceError):
    """The TLS handshake failed: certificate, host name, version."""

    exit_code = Exit.SERVICE
    reason = "TlsFailed"
    retry = Retry.SLOW


class ProxyRefused(ServiceError):
    """The proxy on the way will not let us through: a person must change its rules or ours (407, 403 …)."""

    exit_code = Exit.SERVICE
    reason = "ProxyRefused"
    retry = Retry.SLOW


class UnexpectedResponse(ServiceError):
    """An answer that the protocol does not know: 3xx, another 4xx, a wrong type, a body over ``max_size``."""

    exit_code = Exit.SERVICE
    reason = "UnexpectedResponse"
    retry = Retry.SLOW


class Unauthorized(ServiceError):
    """401: the token is wrong or has expired."""

    exit_code = Exit.UNAUTHORIZED
    reason = "Unauthorized"
    retry = Retry.SLOW


class Forbidden(ServiceError):
    """403: the token may not read this config."""

    exit_code = Exit.UNAUTHORIZED
    reason = "Forbidden"
    retry = Retry.SLOW


class NotFound(ServiceError):
    """404: the service has no such config. It never deletes a file."""

    exit_code = Exit.NOT_FOUND
    reason = "NotFound"
    retry = Retry.SLOW

    is_listed: bool | None = None
    """Whether the list of configs has it all the same, as far as that was asked since it was last there."""


class OptionalGone(NotFound):
    """404 of an optional config that is part of what is on disk, and the list does not say that it was removed."""

    reason = "OptionalGone"
