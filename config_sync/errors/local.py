"""What can go wrong on this side: credentials, payload, render, check, write, reload."""

from __future__ import annotations

from config_sync.errors.exits import Exit, Retry
from config_sync.errors.root import SyncError


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

    def __init__(self, message: str, *, hint: str | None = None, reason: str | None = None) -> None:
        super().__init__(message, hint=hint)
        if reason is not None:
            self.reason = reason


class DocumentRefused(SyncError):
    """The decrypted bytes are not the JSON we accept (UTF-8, no NaN, no duplicate members, depth at most 100)."""

    exit_code = Exit.DOCUMENT
    reason = "DocumentRefused"
    retry = Retry.SLOW


class SchemaRefused(DocumentRefused):
    """The document does not satisfy the target's ``schema``; the message names places and rules, never a value."""

    reason = "SchemaRefused"
    retry = Retry.RESYNC


class SchemaUnusable(SyncError):
    """The schema itself cannot be read or understood: nothing was said about the document. A local reason."""

    exit_code = Exit.SETTINGS
    reason = "SchemaUnusable"


class RenderRefused(SyncError):
    """The chosen format cannot carry a value so that its readers get it back."""

    exit_code = Exit.DOCUMENT
    reason = "RenderRefused"
    retry = Retry.RESYNC

    def __init__(self, message: str, *, pointer: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer
        """JSON pointer (RFC 6901) of the value; the message names it already."""


class SelectionMissing(RenderRefused):
    """The document has nothing at the pointer of `select`."""

    reason = "SelectionMissing"


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


class CheckNotRunnable(CheckRejected):
    """The checker itself could not be run: nothing was said about the files. A local reason, tried again soon."""

    reason = "CheckNotRunnable"
    retry = Retry.BACKOFF


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


class BugFound(SyncError):
    """A pass ended in an exception that nothing of ours expects: the log has where, and the target is tried again."""

    exit_code = Exit.BUG
    reason = "Bug"


class ReloadFailed(SyncError):
    """The consumer could not be told; the files are in place and the reload stays pending."""

    exit_code = Exit.RELOAD
    reason = "ReloadFailed"
    transient = True

    def __init__(self, message: str, *, hint: str | None = None, reason: str | None = None) -> None:
        super().__init__(message, hint=hint)
        if reason is not None:
            self.reason = reason


class ProbeFailed(ReloadFailed):
    """What must hold after the reload (``probe``) did not within its time; the files are in place."""

    reason = "ProbeFailed"


class RolledBack(SyncError):
    """The consumer could not live with a revision: the one before is on disk again, until a newer one comes."""

    exit_code = Exit.RELOAD
    reason = "RolledBack"
    retry = Retry.RESYNC


class RevisionMissing(SyncError):
    """The cache does not have the revision that was asked for."""

    exit_code = Exit.NOT_FOUND
    reason = "RevisionMissing"
    retry = Retry.RESYNC


class RevisionDamaged(SyncError):
    """A file of the cache is not what we wrote there: changed, cut, or another config's. It is never used."""

    exit_code = Exit.DECRYPT
    reason = "RevisionDamaged"
    retry = Retry.RESYNC

    def __init__(self, message: str) -> None:
        super().__init__(
            message, hint="it is not used: find out who writes there; the next sync with the service keeps it anew"
        )
