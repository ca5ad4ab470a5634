"""Everything that can go wrong, as one tree; who must act decides the class.

::

    ConfigSyncError                     message, hint, exit code
    ├── UsageError             2        the command line
    ├── SettingsError          3        the agent's own settings; carries every Problem at once
    ├── StateLocked           12        another agent holds the state directory
    ├── NoAgent                6        a command that needs a running agent found none
    └── SyncError                       one target's pass failed; carries reason, retry, transient
        ├── ServiceError
        │   ├── ServiceUnavailable  6   transport, 408, 425, 429, 5xx; may carry Retry-After
        │   ├── TlsFailed           6   certificate, host name, handshake
        │   ├── UnexpectedResponse  6   3xx, other 4xx, wrong type, over max_size, 204 on watch
        │   ├── Unauthorized        4   401
        │   ├── Forbidden           4   403
        │   └── NotFound            5   404
        ├── CredentialError     3       the token or the key cannot be read or is malformed
        ├── DecryptFailed       7       wrong key or damaged data
        ├── DocumentRefused     8       not the JSON we accept
        ├── RenderRefused       8       the format cannot carry a value; names the pointer
        ├── EmptyRefused        8       an empty document would replace a non-empty one
        ├── CheckRejected       9       the consumer's own checker said no
        ├── FileError          10       a step of the write failed; carries errno and step
        └── ReloadFailed       11       the consumer could not be told

`Stopped` is no error: a wait or a fetch ended because the process is stopping.

Rules: the message says what failed and on what, with the OS or HTTP reason; the hint says what the operator can do;
neither ever holds a secret, a value of a document or a response body. Edges translate foreign exceptions with ``from``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar


class Exit(enum.IntEnum):
    """The exit codes of every command (the contract is the README's table, generated from here)."""

    DONE = 0
    DIFFERS = 1
    USAGE = 2
    SETTINGS = 3
    UNAUTHORIZED = 4
    NOT_FOUND = 5
    SERVICE = 6
    DECRYPT = 7
    DOCUMENT = 8
    REJECTED = 9
    WRITE = 10
    RELOAD = 11
    LOCKED = 12
    BUG = 70

    @property
    def meaning(self) -> str:
        """What the code tells an operator, in one clause."""
        return _MEANINGS[self]


_MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.DIFFERS: "only: `diff` differs, `health` not ok",
    Exit.USAGE: "usage: the command line is wrong",
    Exit.SETTINGS: "settings or credentials: missing, wrong or unreadable",
    Exit.UNAUTHORIZED: "unauthorized or forbidden (401, 403)",
    Exit.NOT_FOUND: "not found: the service has no such config",
    Exit.SERVICE: "the service: unreachable, TLS, or an unexpected answer (3xx, other 4xx, over `max_size`)",
    Exit.DECRYPT: "decrypt: wrong key or damaged data",
    Exit.DOCUMENT: "document or render refused (also empty)",
    Exit.REJECTED: "rejected by `validate`",
    Exit.WRITE: "write failed",
    Exit.RELOAD: "reload failed",
    Exit.LOCKED: "another agent holds the state directory (its pid is named)",
    Exit.BUG: "a bug in config-sync",
}


class Retry(enum.Enum):
    """How a failed pass is tried again (network.md, "Classes")."""

    BACKOFF = "backoff"
    """Heals by itself: exponential backoff with jitter."""
    SLOW = "slow"
    """A person must act: uniform in [max/2, max] of `reconnect`, at once on an event, credential or settings change."""
    RESYNC = "resync"
    """A new version must come: only at the next wake-up or resync."""


class ConfigSyncError(Exception):
    """An error that is told to a person as one clear sentence and, where there is one, a hint."""

    exit_code: ClassVar[Exit] = Exit.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ConfigSyncError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the settings, with everything needed to mend it.

    `line` and `column` count from 1; both are 0 where the problem is not in a file (the command line, a variable).
    """

    file: str
    line: int
    column: int
    path: str
    """Key path, such as ``targets.my-service.files[0].mode``."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f" {self.path}:" if self.path else ""
        return f"{where}:{key} {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class SettingsError(ConfigSyncError):
    """The settings cannot be used; every problem is told at once."""

    exit_code = Exit.SETTINGS

    def __init__(self, message: str, *, hint: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class StateLocked(ConfigSyncError):
    """Another agent holds the state directory; the message names its pid."""

    exit_code = Exit.LOCKED


class NoAgent(ConfigSyncError):
    """A command that asks the running agent found none behind the socket."""

    exit_code = Exit.SERVICE


class SyncError(ConfigSyncError):
    """A pass over one target failed; the last good file stays."""

    reason: str = "Failed"
    """CamelCase, stable: goes into conditions, logs and metrics."""
    retry: Retry = Retry.BACKOFF
    transient: bool = False
    """Whether `once` tries again within ``--retry-for``."""


class ServiceError(SyncError):
    """The Config Service did not give what was asked for."""


class ServiceUnavailable(ServiceError):
    """No answer, or one that says "later" (408, 425, 429, 5xx)."""

    exit_code = Exit.SERVICE
    reason = "ServiceUnavailable"
    transient = True

    def __init__(self, message: str, *, hint: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        """Seconds, from ``Retry-After`` (RFC 9110 10.2.3); a floor for the next try, capped at 300."""


class TlsFailed(ServiceError):
    """The TLS handshake failed: certificate, host name, version."""

    exit_code = Exit.SERVICE
    reason = "TlsFailed"
    retry = Retry.SLOW
    transient = True


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


class CredentialError(SyncError):
    """The token or the key is missing, unreadable or malformed; the message names the source, never the content."""

    exit_code = Exit.SETTINGS
    reason = "CredentialUnusable"
    retry = Retry.SLOW


class DecryptFailed(SyncError):
    """No key opens the answer: a wrong key, or damaged data."""

    exit_code = Exit.DECRYPT
    reason = "DecryptFailed"
    retry = Retry.SLOW


class DocumentRefused(SyncError):
    """The decrypted bytes are not the JSON we accept (UTF-8, no NaN, no duplicate members, depth at most 100)."""

    exit_code = Exit.DOCUMENT
    reason = "DocumentRefused"
    retry = Retry.SLOW


class RenderRefused(SyncError):
    """The chosen format cannot carry a value so that its readers get it back."""

    exit_code = Exit.DOCUMENT
    reason = "RenderRefused"
    retry = Retry.RESYNC

    def __init__(self, message: str, *, pointer: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer
        """JSON pointer (RFC 6901) of the value; the message names it already."""


class EmptyRefused(SyncError):
    """An empty document ({} or []) would replace a non-empty one, and ``allow_empty`` is off."""

    exit_code = Exit.DOCUMENT
    reason = "EmptyRefused"
    retry = Retry.RESYNC


class CheckRejected(SyncError):
    """The consumer's own checker (``validate``) refused the staged files."""

    exit_code = Exit.REJECTED
    reason = "CheckRejected"
    retry = Retry.RESYNC


class FileError(SyncError):
    """A step of writing failed; unless `published`, the old file is untouched."""

    exit_code = Exit.WRITE
    reason = "WriteFailed"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        errno: int | None = None,
        step: str | None = None,
        reason: str | None = None,
        transient: bool = False,
        published: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.errno = errno
        self.step = step
        """The system call or check that failed, such as ``fsync``."""
        self.published = published
        """True: the new file is visible, only its durability is unknown (the directory's fsync failed)."""
        if reason is not None:
            self.reason = reason
        self.transient = transient


class ReloadFailed(SyncError):
    """The consumer could not be told; the files are in place and the reload stays pending."""

    exit_code = Exit.RELOAD
    reason = "ReloadFailed"
    transient = True


class Stopped(Exception):
    """A wait, a fetch or a hook ended early because the process is stopping. Not an error, never reported as one."""
