"""What is at a place, without following anything and without trusting a name for longer than one call."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field

from config_sync.files.calls import Calls
from config_sync.files.failures import failure, refusal, step
from config_sync.files.memory import Version, version_of
from config_sync.files.own_links import OwnLink, opened_current
from config_sync.files.walk import DirectoryMissing, located
from config_sync.model import Digest, FileSpec, FileState, Missing, Present, digest_of

UNREADABLE = Digest("unreadable")
"""Stands for content that we may not read, or do not read because of its size: it equals no digest."""

_MOST_BYTES = 256 << 20
"""Far over any document (``max_size`` is 16 MiB at most): such a file is not ours, and is not pulled into memory."""

_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

_KINDS = {
    stat.S_IFDIR: ("it is a directory", "remove it, or name a file in it"),
    stat.S_IFIFO: ("it is a named pipe (FIFO)", "remove it, or name another path"),
    stat.S_IFSOCK: ("it is a socket", "remove it, or name another path"),
    stat.S_IFCHR: ("it is a character device", "name another path"),
    stat.S_IFBLK: ("it is a block device", "name another path"),
    stat.S_IFLNK: ("a symbolic link appeared in its place", "look who else writes there"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """A regular file as it was at one moment. `content` None: it could not be read."""

    info: os.stat_result
    content: bytes | None = field(repr=False)
    has_acl: bool

    @property
    def mode(self) -> int:
        """Permission bits, with setuid, setgid and sticky."""
        return stat.S_IMODE(self.info.st_mode)

    @property
    def version(self) -> Version:
        """See `Version`."""
        return version_of(self.info)

    def is_still(self, info: os.stat_result | None) -> bool:
        """Whether nothing happened to the file since, by what the system tells: whatever is done moves its ctime."""
        old = self.info
        return (
            info is not None
            and info.st_ino == old.st_ino
            and info.st_ctime_ns == old.st_ctime_ns
            and info.st_mtime_ns == old.st_mtime_ns
            and info.st_size == old.st_size
            and info.st_dev == old.st_dev
        )


def look(calls: Calls, name: str, *, at: int, path: str) -> Look | None:
    """The file `name` in the directory `at`; None: there is none. `path` is for messages.

    Raises:
        FileError: it is no regular file, or a call failed.
    """
    with step("lstat", path):
        info = calls.lstat(name, at=at)
    return look_closer(calls, name, info, at=at, path=path)


def look_closer(
    calls: Calls, name: str, info: os.stat_result | None, *, at: int, path: str, wanted: bytes | None = None
) -> Look | None:
    """The same for a caller whose last call was the lstat of `name`, with `info` as its result.

    `wanted`: of other content than this, which will be replaced anyway, the ACL is not asked for (`has_acl` is False).
    """
    if info is None:
        return None
    _require_regular(info, path)
    try:
        fd = _opened(calls, name, info, at=at)
    except PermissionError:
        return Look(info, None, has_acl=False)
    except FileNotFoundError:
        return None  # it went away between two calls
    except OSError as error:
        raise failure(error, path, "read") from error
    try:
        info = calls.fstat(fd)
        _require_regular(info, path)
        size = info.st_size
        content = calls.read(fd, at_most=_MOST_BYTES + 1, size=size) if size <= _MOST_BYTES else None
        return Look(info, content, has_acl=(wanted is None or content == wanted) and calls.has_acl(fd))
    except OSError as error:
        raise failure(error, path, "read") from error
    finally:
        calls.close_quietly(fd)


def _opened(calls: Calls, name: str, info: os.stat_result, *, at: int) -> int:
    """For reading; never waiting for a FIFO's writer. Raises OSError.

    Without a new access time where we may ask for that: a look that finds all as it was then changes no inode, which
    would have to be written back (open(2): only the owner or CAP_FOWNER may, others get EPERM).
    """
    if info.st_uid == os.geteuid():
        try:
            return calls.open(name, _READING | os.O_NOATIME, at=at)
        except PermissionError as error:
            if error.errno != errno.EPERM:
                raise
    return calls.open(name, _READING, at=at)


def look_behind(calls: Calls, name: str, *, at: int, path: str) -> Look | None:
    """The same for a link of a directory layout: the file that its generation holds under that name."""
    with step("open", path):
        current = opened_current(calls, at=at)
    if current is None:
        return None
    try:
        return look(calls, name, at=current[0], path=path)
    finally:
        calls.close_quietly(current[0])


def observe(calls: Calls, spec: FileSpec, *, digest_key: bytes) -> FileState:
    """The state of a destination. Raises FileError as `look` and `located` do, but a missing directory is Missing."""
    try:
        with located(calls, spec, own_link=OwnLink.ENTER) as place:
            found = look_closer(calls, place.name, place.info, at=place.fd, path=place.path)
    except DirectoryMissing:
        return Missing()
    if found is None:
        return Missing()
    return _state_of(found, digest_key)


def _state_of(found: Look, digest_key: bytes) -> Present:
    return Present(
        digest=UNREADABLE if found.content is None else digest_of(found.content, key=digest_key),
        mode=found.mode,
        uid=found.info.st_uid,
        gid=found.info.st_gid,
        size=found.info.st_size,
        has_acl=found.has_acl,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """A destination with its bytes. `is_in_set`: it is a link of a directory layout, and the file is behind that."""

    state: Present
    content: bytes = field(repr=False)
    is_in_set: bool


def see(calls: Calls, spec: FileSpec, *, digest_key: bytes) -> Seen | None:
    """As `observe`, with the bytes; None: nothing is there. Raises FileError, also where they may not be read."""
    try:
        with located(calls, spec, own_link=OwnLink.STOP) as place:
            if place.is_own_link:
                found = look_behind(calls, place.name, at=place.fd, path=place.path)
            else:
                found = look_closer(calls, place.name, place.info, at=place.fd, path=place.path)
            is_in_set = place.is_own_link
    except DirectoryMissing:
        return None
    if found is None:
        return None
    if found.content is None:
        code = errno.EFBIG if found.info.st_size > _MOST_BYTES else errno.EACCES
        raise failure(OSError(code, os.strerror(code)), spec.path, "read")
    return Seen(_state_of(found, digest_key), found.content, is_in_set)


def _require_regular(info: os.stat_result, path: str) -> None:
    if stat.S_ISREG(info.st_mode):
        return
    says, hint = _KINDS.get(stat.S_IFMT(info.st_mode), ("it is no regular file", None))
    raise refusal(path, says, reason="NotRegularFile", step="lstat", hint=hint)
