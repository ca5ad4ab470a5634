"""A replacement by nothing but the system calls that the promises ask for: what no writer that keeps them can be under.

The same calls in the same order as `config_sync.files.writer` makes for a file in a directory it knows, read off its
trace (``tests/system/writing/test_order.py`` asserts the order), in straight code: no checks of what they return, no
errors told, no choices.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

_PASS = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_GETFLAGS = 0x80086601
"""FS_IOC_GETFLAGS (ioctl_iflags(2))."""


def replaced(directory: Path, name: str, content: bytes, *, lock: Path) -> None:
    """The file `name` holds `content` by all the calls of a replacement that is promised; raises OSError."""
    here = _walked(directory)
    old = os.open(name, _READ | os.O_NONBLOCK | os.O_NOATIME, dir_fd=_seen(here, name))
    os.fstat(old)
    os.read(old, len(content) + 1)
    os.close(old)
    os.fstat(here)
    turn = os.open(lock, _LOCK, 0o600)
    fcntl.flock(turn, fcntl.LOCK_EX)
    os.fstat(turn)
    temp = f".floor-{os.urandom(8).hex()}.tmp"
    fcntl.ioctl(_seen(here, name), _GETFLAGS, bytes(8))
    fd = os.open(temp, _NEW, 0o600, dir_fd=here)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with contextlib.suppress(OSError):
        os.removexattr(fd, "system.posix_acl_access")
    os.write(fd, content)
    os.fchmod(fd, 0o640)
    os.fstat(fd)
    os.fsync(fd)
    pin = os.open(temp, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    os.fstat(pin)
    os.close(fd)
    os.rename(temp, name, src_dir_fd=here, dst_dir_fd=here)
    os.close(_seen(pin, name, at=here))
    os.fsync(here)
    os.close(turn)
    os.close(here)


def _walked(directory: Path) -> int:
    """The directory, component by component."""
    fd = -1
    parts = directory.parts[1:]
    for number, part in enumerate(parts, 1):
        flags = _PASS if number < len(parts) else _READ | os.O_DIRECTORY
        following = os.open(f"/{part}" if fd < 0 else part, flags, dir_fd=None if fd < 0 else fd)
        if fd >= 0:
            os.close(fd)
        fd = following
    return fd


def _seen(fd: int, name: str, *, at: int | None = None) -> int:
    """`fd` again, after a look at the name, which may be absent."""
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=fd if at is None else at, follow_symlinks=False)
    return fd
