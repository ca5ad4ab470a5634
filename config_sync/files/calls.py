"""Every system call of the writer, in one place, on descriptors.

This is the seam that the promises are proven at: a `gate` is told the name of each call before it is made. It may
raise an OSError (the call then fails with it) or end the process (death at that very point). The real gate does
nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator

ACL = "system.posix_acl_access"
"""Extended attribute that holds an access ACL beyond the mode bits (acl(5))."""

_NO_ACL = (errno.ENODATA, errno.EOPNOTSUPP)
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_GETFLAGS, _APPEND = 0x80086601, 0x20
"""FS_IOC_GETFLAGS and FS_APPEND_FL (ioctl_iflags(2))."""
_AT_ONCE = 1 << 20
"""Bytes asked for in one read."""


def _open_gate(_call: str) -> None:
    """Lets every call pass."""


class Calls:
    """The machine's own calls. Nothing here decides; a failing call raises its OSError.

    `gate(call)` is asked before each call but `close`, where it is told afterwards: on Linux a descriptor is gone even
    when close fails (close(2)), and so it is here.
    """

    __slots__ = ("_gate",)

    def __init__(self, gate: Callable[[str], None] = _open_gate) -> None:
        self._gate = gate

    def open(self, name: str, flags: int, *, at: int | None = None, mode: int = 0) -> int:
        """A descriptor of `name` in the directory `at`, closed on exec."""
        self._gate("open")
        return os.open(name, flags | os.O_CLOEXEC, mode, dir_fd=at)

    @contextlib.contextmanager
    def opened(self, name: str, flags: int, *, at: int | None = None) -> Iterator[int]:
        """The same, closed at the end. For reading: an error of that close says nothing."""
        fd = self.open(name, flags, at=at)
        try:
            yield fd
        finally:
            self.close_quietly(fd)

    def close(self, fd: int) -> None:
        """Closed for good, whatever it raises; never call it twice."""
        os.close(fd)
        self._gate("close")

    def close_quietly(self, fd: int) -> None:
        """The same where an error means nothing: nothing was written through `fd`, or all is lost already."""
        try:
            os.close(fd)
            self._gate("close")
        except OSError:
            pass

    def fstat(self, fd: int) -> os.stat_result:
        """Of the open file."""
        self._gate("fstat")
        return os.fstat(fd)

    def lstat(self, name: str, *, at: int) -> os.stat_result | None:
        """Of the entry `name`, a link itself included; None: there is none."""
        self._gate("lstat")
        try:
            return os.stat(name, dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def readlink(self, fd: int) -> str:
        """Where the link opened with ``O_PATH | O_NOFOLLOW`` points (readlinkat(2) with an empty path)."""
        self._gate("readlink")
        return os.readlink("", dir_fd=fd)

    def names(self, fd: int) -> list[str]:
        """The entries of the open directory."""
        self._gate("listdir")
        return os.listdir(fd)

    def read(self, fd: int, *, at_most: int, size: int = 0) -> bytes:
        """The file's bytes up to its end, or `at_most` of them. `size`: what `fstat` said of it, if that is known."""
        parts: list[bytes] = []
        left = at_most
        if 0 < size < min(left, _AT_ONCE):
            self._gate("read")
            # One more is asked for: of a regular file less comes at its end only (read(2)), so that this was all.
            if len(part := os.read(fd, size + 1)) == size:
                return part
            if not part:
                return part
            parts.append(part)
            left -= len(part)
        while left > 0:
            self._gate("read")
            part = os.read(fd, min(left, _AT_ONCE))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, fd: int, content: bytes) -> None:
        """All of it, however many calls that takes."""
        rest = memoryview(content)
        while rest:
            self._gate("write")
            rest = rest[os.write(fd, rest) :]

    def rewind(self, fd: int) -> None:
        """The next write begins at the first byte."""
        self._gate("lseek")
        os.lseek(fd, 0, os.SEEK_SET)

    def truncate(self, fd: int, size: int) -> None:
        """The file then has `size` bytes."""
        self._gate("ftruncate")
        os.ftruncate(fd, size)

    def fchown(self, fd: int, *, uid: int, gid: int) -> None:
        """-1 leaves one as it is."""
        self._gate("fchown")
        os.fchown(fd, uid, gid)

    def fchmod(self, fd: int, mode: int) -> None:
        """Never subject to the umask."""
        self._gate("fchmod")
        os.fchmod(fd, mode)

    def utime(self, fd: int, *, atime_ns: int, mtime_ns: int) -> None:
        """Nanoseconds since 1970; a file system may round down."""
        self._gate("utime")
        os.utime(fd, ns=(atime_ns, mtime_ns))

    def has_acl(self, fd: int) -> bool:
        """Whether an extended access ACL is there."""
        self._gate("getxattr")
        try:
            os.getxattr(fd, ACL)
        except OSError as error:
            if error.errno in _NO_ACL:
                return False
            raise
        return True

    def remove_acl(self, fd: int) -> None:
        """No extended access ACL afterwards; where the file system knows none, nothing is to be done."""
        self._gate("removexattr")
        try:
            os.removexattr(fd, ACL)
        except OSError as error:
            if error.errno not in _NO_ACL:
                raise

    def is_append_only(self, fd: int) -> bool:
        """Whether entries of the open directory can be made, but neither replaced nor removed (``chattr +a``).

        False as well where the file system has no such flag.
        """
        self._gate("ioctl")
        try:
            flags = fcntl.ioctl(fd, _GETFLAGS, bytes(8))
        except OSError:
            return False
        return bool(int.from_bytes(flags[:4], sys.byteorder) & _APPEND)

    def lock(self, fd: int, *, wait: bool) -> bool:
        """An exclusive flock(2); False: another open file holds it (only without `wait`).

        True as well where the file system knows no locks: then there is nobody we could learn of.
        """
        self._gate("flock")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return True

    def fsync(self, fd: int) -> None:
        """Of a file or a directory. Never again on the same inode after a failure (fsync(2): it may lie then)."""
        self._gate("fsync")
        os.fsync(fd)

    def rename(self, old: str, new: str, *, at: int) -> None:
        """Within one directory, over whatever `new` is."""
        self._gate("rename")
        os.rename(old, new, src_dir_fd=at, dst_dir_fd=at)

    def link(self, old: str, new: str, *, at: int) -> None:
        """A second name of the same inode within one directory, never of what a link points to."""
        self._gate("link")
        os.link(old, new, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)

    def symlink(self, target: str, name: str, *, at: int) -> None:
        """A new symbolic link; never over anything (symlink(2), EEXIST)."""
        self._gate("symlink")
        os.symlink(target, name, dir_fd=at)

    def unlink(self, name: str, *, at: int | None = None) -> None:
        """Removes the entry; that it is gone already is fine."""
        self._gate("unlink")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=at)

    def mkdir(self, name: str, *, at: int, mode: int) -> None:
        """Subject to the umask."""
        self._gate("mkdir")
        os.mkdir(name, mode, dir_fd=at)

    def rmdir(self, name: str, *, at: int) -> None:
        """Of an empty directory."""
        self._gate("rmdir")
        os.rmdir(name, dir_fd=at)
