"""Everything that can go wrong, as one tree; who must act decides the class.

::

    ConfigSyncError                     message, hint, exit code
    ├── UsageError             2        the command line
    ├── SettingsError          3        the agent's own settings; carries every Problem at once
    ├── StateLocked           12        another agent holds the state directory
    ├── NoAgent                6        a command that needs a running agent found none
    ├── ApplicationNotFound  127        `exec`: there is no such program
    ├── ApplicationNotRunnable 126      `exec`: there is, and it could not be started
    └── SyncError                       one target's pass failed; carries reason, retry, transient
        ├── ServiceError
        │   ├── ServiceUnavailable  6   transport, 408, 425, 429, 5xx; may carry Retry-After
        │   ├── TlsFailed           6   certificate, host name, handshake
        │   ├── ProxyRefused        6   the proxy on the way says no: 407, its rules
        │   ├── UnexpectedResponse  6   3xx, other 4xx, wrong type, over max_size, 204 on watch
        │   ├── Unauthorized        4   401
        │   ├── Forbidden           4   403
        │   └── NotFound            5   404
        │       └── OptionalGone    5   404 of an optional config that was there before
        ├── CredentialError     3       the token or the key cannot be read or is malformed
        ├── DecryptFailed       7       wrong key or damaged data
        ├── DocumentRefused     8       not the JSON we accept
        │   └── SchemaRefused   8       it does not satisfy the target's schema
        ├── SchemaUnusable      3       the schema cannot be read or understood
        ├── RenderRefused       8       the format cannot carry a value; names the pointer
        │   └── SelectionMissing 8      `select` points to nothing
        ├── EmptyRefused        8       an empty document would replace a non-empty one
        ├── CheckRejected       9       the consumer's own checker said no
        │   └── CheckNotRunnable 9      it could not be started
        ├── FileError          10       a step of the write failed; carries errno and step
        ├── ReloadFailed       11       the consumer could not be told
        │   └── ProbeFailed    11       it was told, and is not well
        ├── RolledBack         11       a revision that the consumer could not live with was taken back
        ├── RevisionMissing     5       the cache does not have a revision
        ├── RevisionDamaged     7       a file of the cache is not what we wrote
        └── BugFound           70       an exception that nothing of ours expects ended the pass

`Stopped` is no error: a wait or a fetch ended because the process is stopping.

Rules: the message says what failed and on what, with the OS or HTTP reason; the hint says what the operator can do;
neither ever holds a secret, a value of a document or a response body. Edges translate foreign exceptions with ``from``.
"""

from __future__ import annotations

from config_sync.errors.exits import Exit, Retry
from config_sync.errors.local import (
    BugFound,
    CheckNotRunnable,
    CheckRejected,
    CredentialError,
    DecryptFailed,
    DocumentRefused,
    EmptyRefused,
    FileError,
    ProbeFailed,
    ReloadFailed,
    RenderRefused,
    RevisionDamaged,
    RevisionMissing,
    RolledBack,
    SchemaRefused,
    SchemaUnusable,
    SelectionMissing,
)
from config_sync.errors.problem import Problem
from config_sync.errors.root import (
    ApplicationNotFound,
    ApplicationNotRunnable,
    ConfigSyncError,
    NoAgent,
    Refused,
    SettingsError,
    StateLocked,
    SyncError,
    UsageError,
)
from config_sync.errors.service import (
    Forbidden,
    NotFound,
    OptionalGone,
    ProxyRefused,
    ServiceError,
    ServiceUnavailable,
    TlsFailed,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.errors.stopped import Stopped

__all__ = [
    "ApplicationNotFound",
    "ApplicationNotRunnable",
    "BugFound",
    "CheckNotRunnable",
    "CheckRejected",
    "ConfigSyncError",
    "CredentialError",
    "DecryptFailed",
    "DocumentRefused",
    "EmptyRefused",
    "Exit",
    "FileError",
    "Forbidden",
    "NoAgent",
    "NotFound",
    "OptionalGone",
    "ProbeFailed",
    "Problem",
    "ProxyRefused",
    "Refused",
    "ReloadFailed",
    "RenderRefused",
    "Retry",
    "RevisionDamaged",
    "RevisionMissing",
    "RolledBack",
    "SchemaRefused",
    "SchemaUnusable",
    "SelectionMissing",
    "ServiceError",
    "ServiceUnavailable",
    "SettingsError",
    "StateLocked",
    "Stopped",
    "SyncError",
    "TlsFailed",
    "Unauthorized",
    "UnexpectedResponse",
    "UsageError",
]
