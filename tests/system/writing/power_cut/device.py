"""A file system of one file, ``disk``, that logs each write and flush in order; a loop device makes a disk of it.

It speaks the kernel's FUSE protocol (linux/fuse.h, version 7.31) by itself: a dozen requests, no library to compile.
A process of its own, because a process that waits for a file system which it serves itself cannot be killed.

Usage: ``python -m tests.system.writing.power_cut.device IMAGE MOUNT_POINT LOG``. Says ``ready`` once mounted;
writes the log (the members of each `Entry`, pickled) when it is unmounted. Looking up ``mark`` there logs a mark.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pickle
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

MARK = "mark"
DISK = "disk"

_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE = 1, 2, 3, 4, 14, 15, 16
_STATFS, _RELEASE, _FSYNC, _FLUSH, _INIT, _INTERRUPT, _BATCH_FORGET = 17, 18, 20, 25, 26, 36, 42
_ROOT_ID, _DISK_ID = 1, 2
_MOST_BYTES = 1 << 17
"""Of one write: 32 pages, the protocol's own limit where no other is agreed on."""
_BIG_WRITES = 1 << 5
_HEAD = struct.Struct("<IIQQIIII")
_ANSWER = struct.Struct("<IiQ")
_FOREVER_S = 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """What reached the disk: `data` at `offset`, or a flush (`data` None), or a mark of the test (`is_mark`)."""

    offset: int = 0
    data: bytes | None = None
    is_mark: bool = False

    @property
    def is_flush(self) -> bool:
        """All that was written before is safe from now on."""
        return self.data is None and not self.is_mark


class Device:
    """The one file, and the log."""

    def __init__(self, content: bytearray) -> None:
        self._content = content
        self.log: list[Entry] = []

    def serve(self, fd: int) -> None:
        """Answers the kernel until the file system is unmounted."""
        while True:
            try:
                request = os.read(fd, _MOST_BYTES + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                raise
            _, what, unique, node, *_ = _HEAD.unpack_from(request)
            if what in (_FORGET, _BATCH_FORGET, _INTERRUPT):
                continue  # these have no answer
            try:
                number, answer = 0, self._answer(what, node, request[_HEAD.size :])
            except OSError as error:
                number, answer = error.errno or errno.EIO, b""
            os.write(fd, _ANSWER.pack(_ANSWER.size + len(answer), -number, unique) + answer)

    def _answer(self, what: int, node: int, body: bytes) -> bytes:
        match what:
            case 26:  # _INIT
                return struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, _BIG_WRITES, 16, 12, _MOST_BYTES, 1, 32, 0, 0)
            case 1:  # _LOOKUP
                return self._looked_up(body.rstrip(b"\0").decode())
            case 3 | 4:  # _GETATTR, _SETATTR
                return struct.pack("<QII", _FOREVER_S, 0, 0) + self._attributes(node)
            case 14:  # _OPEN
                return struct.pack("<QII", 0, 0, 0)
            case 15:  # _READ
                offset, size = struct.unpack_from("<QI", body, 8)
                return bytes(self._content[offset : offset + size])
            case 16:  # _WRITE
                offset, size = struct.unpack_from("<QI", body, 8)
                data = body[40 : 40 + size]
                self._content[offset : offset + size] = data
                self.log.append(Entry(offset, data))
                return struct.pack("<II", size, 0)
            case 20:  # _FSYNC
                self.log.append(Entry())
                return b""
            case 17:  # _STATFS
                return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
            case 18 | 25:  # _RELEASE, _FLUSH
                return b""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def _looked_up(self, name: str) -> bytes:
        if name == DISK:
            head = struct.pack("<QQQQII", _DISK_ID, 0, _FOREVER_S, _FOREVER_S, 0, 0)
            return head + self._attributes(_DISK_ID)
        if name == MARK:
            self.log.append(Entry(is_mark=True))
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))  # never cached: each look comes here

    def _attributes(self, node: int) -> bytes:
        is_disk = node == _DISK_ID
        size, mode = (len(self._content), stat.S_IFREG | 0o600) if is_disk else (0, stat.S_IFDIR | 0o700)
        return struct.pack("<QQQQQQ10I", node, size, size // 512, *[0] * 6, mode, 1, 0, 0, 0, 4096, 0)


def main(image: Path, mount_point: Path, log: Path) -> None:
    """Until unmounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    device = Device(bytearray(image.read_bytes()))
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode={stat.S_IFDIR:o},user_id=0,group_id=0".encode()
    if libc.mount(b"config-sync-test", os.fsencode(mount_point), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    print("ready", flush=True)
    device.serve(fd)
    log.write_bytes(pickle.dumps([(each.offset, each.data, each.is_mark) for each in device.log]))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
