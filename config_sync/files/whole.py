"""A new file, complete and with its final attributes, before anybody can see it under a name that matters.

Steps 5 to 14 of the sequence told in `config_sync.files.writer`; staged copies and our own state files use them too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from config_sync.files.calls import Calls
from config_sync.files.failures import failure, refusal, step

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


@contextlib.contextmanager
def made(
    calls: Calls,
    name: str,
    content: bytes,
    attributes: Attributes,
    *,
    at: int,
    path: str,
    later_than_ns: int | None = None,
    durable: bool = True,
) -> Iterator[os.stat_result]:
    """The new file `name` in the directory `at`, whole, verified and closed; its inode cannot be reused while inside.

    When the body raises, or a step here does, the entry `name` is removed; else it is the body's. `path` is the
    destination, for messages. `later_than_ns`: the file's mtime is strictly later than this.

    Raises:
        FileError: a step failed; nothing is left under `name`.
    """
    # 5. Exclusive and without following: nobody's link is written through. No access beyond the final mode's, and
    # only ours; the descriptor can write even where the mode says nobody may.
    with step("rename", path):
        # Here it could be made, but never be put in place nor removed again.
        if calls.is_append_only(at):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    with step("open", path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = calls.open(name, flags, at=at, mode=0o600 & attributes.mode)
    pin = -1
    try:
        try:
            info = _fill(calls, fd, content, attributes, path=path, later_than_ns=later_than_ns, durable=durable)
            # 14. The name must still be this inode; the pin keeps the number from being given to another.
            with step("pin", path):
                pin = calls.open(name, os.O_PATH | os.O_NOFOLLOW, at=at)
                if not os.path.samestat(calls.fstat(pin), info):
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        except BaseException:
            calls.close_quietly(fd)
            raise
        # Closed before the rename, so that a watcher of the directory sees nothing of it under the final name.
        with step("close", path):
            calls.close(fd)
        yield info
    except BaseException:
        with contextlib.suppress(OSError):
            calls.unlink(name, at=at)
        raise
    finally:
        if pin >= 0:
            calls.close_quietly(pin)


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
    with step("flock", path):
        # 6. Held: whoever clears leftovers sees that this one is alive.
        if not calls.lock(fd, wait=False):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    with step("removexattr", path):
        # 7. An ACL inherited from the directory would open the file to others at the fchmod.
        calls.remove_acl(fd)
    with step("write", path):
        # 8.
        calls.write(fd, content)
    with step("fstat", path):
        info = calls.fstat(fd)
    with step("utime", path):
        # 11. Before the owner changes, because only an owner may. Half of all quick replacements would share it.
        if later_than_ns is not None:
            make_later(calls, fd, info, later_than_ns)
    with step("fchown", path, wanted=(attributes.uid, attributes.gid)):
        # 9. The owner first: the old owner must never have what the mode gives to the new one.
        if attributes.owner_differs_from(info):
            calls.fchown(
                fd,
                uid=-1 if attributes.uid is None else attributes.uid,
                gid=-1 if attributes.gid is None else attributes.gid,
            )
    with step("fchmod", path, wanted=(attributes.uid, attributes.gid)):
        calls.fchmod(fd, attributes.mode)
    with step("fstat", path):
        # 12. A setgid bit or an owner can be dropped without an error.
        info = calls.fstat(fd)
    verify(info, attributes, size=len(content), path=path)
    if durable:
        with step("fsync", path):
            # 13. Never again on this inode: a second fsync may succeed without the data (fsync(2), "EIO").
            calls.fsync(fd)
    return info


def make_later(calls: Calls, fd: int, info: os.stat_result, than_ns: int) -> None:
    """The file's mtime strictly after `than_ns`, by as little as the file system can tell apart."""
    for later_ns in _LATER_NS:
        if info.st_mtime_ns > than_ns:
            return
        calls.utime(fd, atime_ns=info.st_atime_ns, mtime_ns=than_ns + later_ns)
        info = calls.fstat(fd)


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
