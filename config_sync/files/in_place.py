"""``write: in_place``: new bytes into the file that is there, because it cannot be replaced (a bind-mounted file).

The inode stays, and so do its links and mounts. That is not atomic: a reader may see new bytes followed by old ones,
and a death on the way leaves them so until the next run. What can be kept of the sequence in
`config_sync.files.writer` is kept:

* nothing is followed, and the file is the one that was looked at; one with more names, in a directory where others may
  write, is refused: they could have linked another file here;
* no access beyond what both the old and the wanted mode allow while bytes change, and the owner is right before;
* nothing is truncated first: all bytes are written, then the rest is cut off, so that a reader never finds the file
  empty; then mode, check and fsync;
* when a step fails on the way, the old bytes are put back from memory, and the error says how that went (`TornWrite`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import not_durable
from config_sync.files.failures import refusal, step
from config_sync.files.observe import Look
from config_sync.files.whole import Attributes, make_later, verify

_WRITING = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class TornWrite(FileError):
    """Writing in place broke off. `is_put_back`: the old bytes are back, so only a reader in between saw a mix.

    The reason is that of the failed call then, else ``Torn``: the file holds a part of the new content.
    """

    def __init__(self, error: FileError, says: str, *, is_put_back: bool) -> None:
        super().__init__(
            f"{error.message}; {says}",
            hint=error.hint,
            errno=error.errno,
            step=error.step,
            reason=error.reason if is_put_back else "Torn",
            transient=error.transient,
        )
        self.is_put_back = is_put_back


def overwrite(
    calls: Calls,
    name: str,
    content: bytes,
    attributes: Attributes,
    *,
    at: int,
    path: str,
    old: Look,
    is_same: bool,
    durable: bool,
) -> tuple[os.stat_result, FileError | None]:
    """Makes the file `name`, which was `old` at a look, hold `content`; what it then is, and why it may not last.

    `is_same`: only the attributes are set. Asked for again after a failed fsync, it writes all bytes once more, since
    a second fsync of the same ones may lie.

    Raises:
        TornWrite: bytes had changed already.
        FileError: it failed before; the bytes are the old ones.
    """
    with _opened(calls, name, at=at, path=path, old=old) as fd:
        _guard_against_links(calls, old, at=at, path=path)
        with _attributes_put_back(calls, fd, old):
            _take_access(calls, fd, old, attributes, path=path)
            if is_same:
                new = _finish(calls, fd, attributes, size=len(content), path=path, old=old)
            else:
                new = _write(calls, fd, content, attributes, path=path, old=old)
        if durable:
            try:
                calls.fsync(fd)
            except OSError as failed:
                return new, not_durable(failed, path, "fsync")
    return new, None


@contextlib.contextmanager
def _opened(calls: Calls, name: str, *, at: int, path: str, old: Look) -> Iterator[int]:
    """For writing, without cutting anything off; the very file that was looked at. Raises FileError."""
    with step("overwrite", path):
        try:
            fd = calls.open(name, _WRITING, at=at)
        except PermissionError:
            if old.info.st_uid != os.geteuid() or old.mode & 0o200:
                raise
            # A read-only file of our own. That we may write to it says nothing to anybody else.
            with calls.opened(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, at=at) as reading:
                if os.path.samestat(calls.fstat(reading), old.info):
                    calls.fchmod(reading, old.mode | 0o200)
            fd = calls.open(name, _WRITING, at=at)
    try:
        with step("fstat", path):
            if not os.path.samestat(calls.fstat(fd), old.info):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        yield fd
    finally:
        calls.close_quietly(fd)  # all was synced, or nobody asked for that


def _guard_against_links(calls: Calls, old: Look, *, at: int, path: str) -> None:
    with step("fstat", path):
        here = calls.fstat(at)
    if old.info.st_nlink > 1 and (here.st_mode & 0o022 or here.st_uid not in (0, os.geteuid())):
        raise refusal(
            path,
            "it has more hard links and others may write to its directory: they may have linked another file here",
            reason="UntrustedLink",
            step="fstat",
            hint="make it a file of its own (cp), or close its directory to others",
        )


def _take_access(calls: Calls, fd: int, old: Look, attributes: Attributes, *, path: str) -> None:
    """Owner and ACL as wanted, and no more access than both modes give. Raises FileError."""
    wanted = (attributes.uid, attributes.gid)
    with step("removexattr", path):
        if old.has_acl:
            calls.remove_acl(fd)
    narrow = old.mode & attributes.mode
    with step("fchmod", path, wanted=wanted):
        if narrow != stat.S_IMODE(calls.fstat(fd).st_mode):
            calls.fchmod(fd, narrow)
    with step("fchown", path, wanted=wanted):
        if attributes.owner_differs_from(old.info):
            uid, gid = (-1 if one is None else one for one in wanted)
            calls.fchown(fd, uid=uid, gid=gid)


@contextlib.contextmanager
def _attributes_put_back(calls: Calls, fd: int, old: Look) -> Iterator[None]:
    """When the body fails: owner and mode as they were, as far as that goes (an ACL that was removed stays so)."""
    try:
        yield
    except FileError as error:
        if isinstance(error, TornWrite) and not error.is_put_back:
            raise  # not with more access than was wanted for a part of the new bytes
        with contextlib.suppress(OSError):
            info = calls.fstat(fd)
            if (info.st_uid, info.st_gid) != (old.info.st_uid, old.info.st_gid):
                calls.fchown(fd, uid=old.info.st_uid, gid=old.info.st_gid)
            if stat.S_IMODE(info.st_mode) != old.mode:
                calls.fchmod(fd, old.mode)
        raise


def _write(calls: Calls, fd: int, content: bytes, attributes: Attributes, *, path: str, old: Look) -> os.stat_result:
    """All bytes, then the cut, then the attributes; what the file then is. Raises TornWrite."""
    try:
        with step("write", path):
            calls.write(fd, content)
        with step("ftruncate", path):
            calls.truncate(fd, len(content))
        with step("utime", path), contextlib.suppress(PermissionError):
            # Only the owner may set times; for others the write itself has moved them.
            make_later(calls, fd, calls.fstat(fd), old.info.st_mtime_ns)
        return _finish(calls, fd, attributes, size=len(content), path=path, old=old)
    except FileError as error:
        raise _put_back(calls, fd, error, old) from error


def _finish(calls: Calls, fd: int, attributes: Attributes, *, size: int, path: str, old: Look) -> os.stat_result:
    """The wanted mode, and a look whether all is as wanted: that look. Raises FileError."""
    with step("fchmod", path, wanted=(attributes.uid, attributes.gid)):
        if stat.S_IMODE(calls.fstat(fd).st_mode) != attributes.mode:
            calls.fchmod(fd, attributes.mode)
    with step("fstat", path):
        info = calls.fstat(fd)
    verify(info, attributes, size=size, path=path, links=old.info.st_nlink)
    return info


def _put_back(calls: Calls, fd: int, error: FileError, old: Look) -> TornWrite:
    """The old bytes from memory, best effort; the error that tells of it."""
    if old.content is None:
        return TornWrite(
            error, "the file may be torn: new bytes, then old ones that we could not read", is_put_back=False
        )
    try:
        calls.rewind(fd)
        calls.write(fd, old.content)
        calls.truncate(fd, len(old.content))
        calls.fsync(fd)
    except OSError as failed:
        says = f"the file may be torn: new bytes, then old ones, which could not be put back ({failed.strerror})"
        return TornWrite(error, says, is_put_back=False)
    return TornWrite(error, "the old content was put back; a reader in between may have seen a mix", is_put_back=True)
