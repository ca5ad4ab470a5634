"""File systems in image files, mounted through loop devices: recorded once, and looked at in any state."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.system.writing.power_cut.device import DISK, MARK, Entry
from tests.system.writing.syscalls import ROOT

KINDS: Mapping[str, tuple[int, tuple[str, ...], str]] = {
    "ext4": (16 << 20, ("mkfs.ext4", "-q", "-E", "nodiscard"), ""),
    "xfs": (300 << 20, ("mkfs.xfs", "-q", "-K"), "nouuid"),
    "btrfs": (128 << 20, ("mkfs.btrfs", "-q", "-K"), ""),
}
"""Bytes (the least that mkfs takes, nearly), the command, and options for a mount beside a copy of itself."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_CHUNK = 1 << 16
_BLKFLSBUF = 0x1261
"""ioctl_list(2): writes back and drops the buffers of a block device."""


class Unmountable(Exception):
    """The file system did not survive; says why."""


def run(*command: str | Path) -> str:
    """What the command says. Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def looped(file: Path) -> Iterator[str]:
    """The loop device of the file while inside."""
    device = run("losetup", "--find", "--show", file)
    try:
        yield device
    finally:
        run("losetup", "--detach", device)


@contextlib.contextmanager
def mounted(kind: str, device: str, at: Path) -> Iterator[None]:
    """The file system while inside. Raises Unmountable."""
    if _LIBC.mount(device.encode(), os.fsencode(at), kind.encode(), 0, KINDS[kind][2].encode()):
        raise Unmountable(os.strerror(ctypes.get_errno()))
    try:
        yield
    finally:
        if _LIBC.umount2(os.fsencode(at), 0):
            raise OSError(ctypes.get_errno(), f"umount {at}")


def made(kind: str, directory: Path, fill: Callable[[Path], None]) -> Path:
    """A new file system in an image, with what `fill` put there, all of it safe."""
    size, command, _ = KINDS[kind]
    image, at = directory / "base.img", directory / "base"
    at.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    run(*command, image)
    with looped(image) as device, mounted(kind, device, at):
        fill(at)
        _sync(at)
    return image


def recorded(kind: str, image: Path, directory: Path, act: Callable[[Path, Callable[[], bool]], None]) -> list[Entry]:
    """All that reached the disk while `act` worked on the file system of the image, which itself stays as it is.

    `act` gets the mount point and a function that sets a mark.
    """
    served, at, log = directory / "served", directory / "recorded", directory / "log"
    served.mkdir(exist_ok=True)
    at.mkdir(exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.system.writing.power_cut.device", image, served, log],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            with looped(served / DISK) as device, mounted(kind, device, at):
                act(at, lambda: os.path.exists(served / MARK))
        finally:
            run("umount", served)
    members: list[tuple[int, bytes | None, bool]] = pickle.loads(log.read_bytes())
    return [Entry(*each) for each in members]


def _forget_cached(device: str) -> None:
    """What the kernel holds of the device: else it goes only with its last opener, which may be one who just probes."""
    fd = os.open(device, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, _BLKFLSBUF)
    finally:
        os.close(fd)


def _sync(at: Path) -> None:
    """That file system only: a sync(2) of all would do the work of a writer that is recorded at the same time."""
    fd = os.open(at, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(fd):
            raise OSError(ctypes.get_errno(), f"syncfs {at}")
    finally:
        os.close(fd)


class Scratch:
    """A copy of an image that takes any state and is mounted, over and over."""

    def __init__(self, kind: str, image: Path, directory: Path, device: str) -> None:
        self._kind = kind
        self._file = directory / "scratch.img"
        self._at = directory / "scratch"
        self._device = device
        self._size = image.stat().st_size
        self._base = list(_chunks(image.read_bytes()))

    def look(self, writes: Iterator[Entry], see: Callable[[Path], str]) -> str:
        """What is seen on the file system when just these writes have reached it."""
        _forget_cached(self._device)
        with self._file.open("r+b") as file:
            file.truncate(0)
            file.truncate(self._size)
            for offset, data in self._base:
                os.pwrite(file.fileno(), data, offset)
            for entry in writes:
                os.pwrite(file.fileno(), entry.data or b"", entry.offset)
        _forget_cached(self._device)
        try:
            with mounted(self._kind, self._device, self._at):
                return see(self._at)
        except Unmountable as error:
            return f"unmountable: {error}"


@contextlib.contextmanager
def scratch(kind: str, image: Path, directory: Path) -> Iterator[Scratch]:
    """One, for use by one thread."""
    directory.mkdir()
    (directory / "scratch").mkdir()
    file = directory / "scratch.img"
    with file.open("wb") as made:
        made.truncate(image.stat().st_size)
    with looped(file) as device:
        yield Scratch(kind, image, directory, device)


def _chunks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Those that are not all zeros, with their offsets."""
    zeros = bytes(_CHUNK)
    for offset in range(0, len(content), _CHUNK):
        chunk = content[offset : offset + _CHUNK]
        if chunk != zeros[: len(chunk)]:
            yield offset, chunk
