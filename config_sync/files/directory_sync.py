"""The last step of every change: the directory's entries made durable, or the truth about it told."""

from __future__ import annotations

import errno

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.failures import failure, step

_UNSUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
_STEP = "fsync of the directory"
_NEW_CONTENT = "the new content is in place, but a power cut may bring the old one back"


def sync_directory(calls: Calls, *, at: int, path: str, but: str = _NEW_CONTENT) -> tuple[str | None, FileError | None]:
    """Makes the entries of `at` durable; a warning where the file system cannot, an error (``published``) if it fails.

    `but`: a clause for that error, which says how things stand.

    Nothing is undone, and it is never tried again on the same entries: a second fsync may lie (fsync(2), "EIO").
    """
    try:
        calls.fsync(at)
    except OSError as failed:
        if failed.errno in _UNSUPPORTED:
            return f"{path}: this file system cannot make a rename durable", None
        return None, not_durable(failed, path, _STEP, but=but)
    return None, None


def require_synced(calls: Calls, *, at: int, path: str) -> None:
    """The same before a switch, where a failure is one of the switch: nothing is in place yet. Raises FileError."""
    with step("fsync", path):
        try:
            calls.fsync(at)
        except OSError as failed:
            if failed.errno not in _UNSUPPORTED:
                raise


def not_durable(failed: OSError, path: str, step: str, *, but: str = _NEW_CONTENT) -> FileError:
    """The error of a change that is made, but not known to be on the disk."""
    told = failure(failed, path, step)
    return FileError(
        f"{told.message}; {but}",
        hint=told.hint,
        errno=told.errno,
        step=step,
        reason="NotDurable",
        published=True,
    )
