"""A new file, complete and with its final attributes, before anybody can see it under a name that matters.

Steps 5 to 14 of the sequence told in `config_sync.files.writer`; staged copies and our own state files use them too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from types import TracebackType

from config_sync.files.calls import Calls
from config_sync.files.failures import failure, refusal

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_PIN = os.O_PATH | os.O_NOFOLLOW
_LATER_NS = (1, 1_000, 1_000_000, 1_000_000_000, 2_000_000_000)
"""Tried in turn: file systems keep times to 1 ns, 1 us, 1 s (ext3) or 2 s (vfat) and round down."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """How a file must look. `uid`/`gid` None: as the kernel gives them (ours; the setgid directory's)."""

    mode: int
    uid: int | None = None
    gid: int | None = None

    def differ_from(self, info: os.stat_result) -> bool:
        """Whether mode, owner or group of `info` are not as wanted."""
        return stat.S_IMODE(info.st_mode) != self.mode or self.owner_differs_from(info)

    def owner_differs_from(self, info: os.stat_result) -> bool:
        """Whether a wanted owner or group is not there."""
        return self.uid not in (None, info.st_uid) or self.gid not in (None, info.st_gid)


class made:  # noqa: N801 - a context manager, named as the function that it is to its users
    """The new file `name` in the directory `at`, whole, verified and closed; its inode cannot be reused while inside.

    When the body raises, or a step here does, the entry `name` is removed; else it is the body's. `path` is the
    destination, for messages. `later_than_ns`: the file's mtime is strictly later than this.

    Raises:
        FileError: a step failed; nothing is left under `name`.
    """

    __slots__ = ("_at", "_attributes", "_calls", "_content", "_durable", "_later_than_ns", "_name", "_path", "_pin")

    def __init__(
        self,
        calls: Calls,
        name: str,
        content: bytes,
        attributes: Attributes,
        *,
        at: int,
        path: str,
        later_than_ns: int | None = None,
        durable: bool = True,
    ) -> None:
        self._calls, self._name, self._content, self._attributes = calls, name, content, attributes
        self._at, self._path, self._later_than_ns, self._durable = at, path, later_than_ns, durable
        self._pin = -1

    def __enter__(self) -> os.stat_result:
        calls, at = self._calls, self._at
        doing = "rename"
        try:
            # Here it could be made, but never be put in place nor removed again.
            if calls.is_append_only(at):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            doing = "open"
            # 5. Exclusive and without following: nobody's link is written through. No access beyond the final mode's,
            # and only ours; the descriptor can write even where the mode says nobody may.
            fd = calls.open(self._name, _NEW, at=at, mode=0o600 & self._attributes.mode)
        except OSError as error:
            raise failure(error, self._path, doing) from error
        try:
            return self._finished(fd)
        except BaseException:
            self._undo()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._undo()
        else:
            self._calls.close_quietly(self._pin)

    def _finished(self, fd: int) -> os.stat_result:
        """Steps 6 to 14; `fd` is closed in any case."""
        calls = self._calls
        doing = "pin"
        try:
            try:
                info = _fill(
                    calls,
                    fd,
                    self._content,
                    self._attributes,
                    path=self._path,
                    later_than_ns=self._later_than_ns,
                    durable=self._durable,
                )
                # 14. The name must still be this inode; the pin keeps the number from being given to another.
                self._pin = calls.open(self._name, _PIN, at=self._at)
                if not os.path.samestat(calls.fstat(self._pin), info):
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            except BaseException:
                calls.close_quietly(fd)
                raise
            # Closed before the rename, so that a watcher of the directory sees nothing of it under the final name.
            doing = "close"
            calls.close(fd)
        except OSError as error:
            raise failure(error, self._path, doing) from error
        return info

    def _undo(self) -> None:
        with contextlib.suppress(OSError):
            self._calls.unlink(self._name, at=self._at)
        if self._pin >= 0:
            self._calls.close_quietly(self._pin)
            self._pin = -1


def _fill(
    calls: Calls,
    fd: int,
    content: bytes,
    attributes: Attributes,
    *,
    path: str,
    later_than_ns: int | None,
    durable: bool,
) -> os.stat_result:
    """Steps 6 to 13 on the open file; returns what it then is."""
    doing = "flock"
    try:
        # 6. Held: whoever clears leftovers sees that this one is alive.
        if not calls.lock(fd, wait=False):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        doing = "removexattr"
        # 7. An ACL inherited from the directory would open the file to others at the fchmod.
        calls.remove_acl(fd)
        doing = "write"
        calls.write(fd, content)  # 8
        is_given = attributes.uid is not None or attributes.gid is not None
        if is_given:
            doing = "fstat"
            info = calls.fstat(fd)
            # 11. Before the owner changes, because only an owner may.
            doing = "utime"
            make_later(calls, fd, info, later_than_ns)
            # 9. The owner first: the old owner must never have what the mode gives to the new one.
            doing = "fchown"
            if attributes.owner_differs_from(info):
                uid, gid = (-1 if one is None else one for one in (attributes.uid, attributes.gid))
                calls.fchown(fd, uid=uid, gid=gid)
        doing = "fchmod"
        calls.fchmod(fd, attributes.mode)
        doing = "fstat"
        info = calls.fstat(fd)
        if not is_given:
            doing = "utime"
            info = make_later(calls, fd, info, later_than_ns)  # 11. One fstat serves both where nothing is given away.
        verify(info, attributes, size=len(content), path=path)  # 12. A setgid bit or an owner can go without an error.
        if durable:
            # 13. Never again on this inode: a second fsync may succeed without the data (fsync(2), "EIO").
            doing = "fsync"
            calls.fsync(fd)
    except OSError as error:
        raise failure(error, path, doing, wanted=(attributes.uid, attributes.gid)) from error
    return info


def make_later(calls: Calls, fd: int, info: os.stat_result, than_ns: int | None) -> os.stat_result:
    """The file's mtime strictly after `than_ns`, by as little as the file system can tell apart; what it then is.

    Half of all quick replacements would share it otherwise.
    """
    for later_ns in _LATER_NS:
        if than_ns is None or info.st_mtime_ns > than_ns:
            break
        calls.utime(fd, atime_ns=info.st_atime_ns, mtime_ns=than_ns + later_ns)
        info = calls.fstat(fd)
    return info


def verify(info: os.stat_result, attributes: Attributes, *, size: int, path: str, links: int = 1) -> None:
    """The open file is what it should be. Raises FileError."""
    if info.st_nlink != links:
        raise failure(OSError(errno.ESTALE, os.strerror(errno.ESTALE)), path, "fstat")
    if info.st_size != size:
        raise refusal(path, f"only {info.st_size} of {size} bytes were stored", reason="IoError", step="fstat")
    if attributes.differ_from(info):
        raise refusal(
            path,
            f"the file system did not keep the attributes: wanted mode {attributes.mode:04o}, owner {attributes.uid}, "
            f"group {attributes.gid}; got {stat.S_IMODE(info.st_mode):04o}, {info.st_uid}, {info.st_gid}",
            reason="AttributesNotKept",
            step="fstat",
            hint="look at the mount's options; a setgid or setuid bit needs group membership or CAP_FSETID",
        )
