"""What the writer's tests stand on: a destination, gates that fail or kill, other users, the state of files."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config_sync.files import Calls, Disk
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, Document, FileSpec

OLD = b"old: 1\n" * 300
NEW = b"new: 2\n" * 500
NOBODY = 65534
KEY = b"k" * 32


class Plain:
    """A format that a spec can hold; the writer never renders."""

    name = "plain"

    def render(self, document: Document) -> bytes:
        return document.raw


SPEC = FileSpec(path=AbsolutePath("/nowhere"), source=ConfigRef(ConfigName("app")), format=Plain())


def spec_of(path: Path | str) -> FileSpec:
    """A destination with the defaults of the settings."""
    return dataclasses.replace(SPEC, path=AbsolutePath(str(path)))


def disk(*, state_dir: Path | None = None, gate: Callable[[str], None] | None = None) -> Disk:
    """A Disk as a fresh process has it."""
    return Disk(
        digest_key=KEY,
        state_dir=None if state_dir is None else str(state_dir),
        calls=None if gate is None else Calls(gate),
    )


@dataclass(frozen=True)
class Snapshot:
    """All that must not change while the old file stays."""

    content: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    inode: int


def snapshot(path: Path) -> Snapshot | None:
    """The file as it is; None: there is none."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return None
    return Snapshot(path.read_bytes(), info.st_mode & 0o7777, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_ino)


class Recorder:
    """A gate that notes every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, call: str) -> None:
        self.calls.append(call)


class FailAt:
    """A gate at which the call number `at` (from 0) fails with `number`."""

    def __init__(self, at: int, number: int) -> None:
        self._left = at
        self._number = number

    def __call__(self, call: str) -> None:
        self._left -= 1
        if self._left == -1:
            raise OSError(self._number, os.strerror(self._number))


class FailOn:
    """A gate at which the `nth` (from 1) call of one name fails."""

    def __init__(self, call: str, number: int, *, nth: int = 1) -> None:
        self._call = call
        self._number = number
        self._left = nth

    def __call__(self, call: str) -> None:
        if call == self._call:
            self._left -= 1
            if self._left == 0:
                raise OSError(self._number, os.strerror(self._number))


class FailFrom:
    """A gate at which every call of one name fails, from the `nth` (from 1) on."""

    def __init__(self, call: str, number: int, *, nth: int = 1) -> None:
        self._call, self._number, self._left = call, number, nth

    def __call__(self, call: str) -> None:
        self._left -= call == self._call
        if call == self._call and self._left < 1:
            raise OSError(self._number, os.strerror(self._number))


class DieAt:
    """A gate at which the process ends, as by SIGKILL, before the call number `at` (from 0). For a forked child."""

    CODE = 9

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, call: str) -> None:
        self._left -= 1
        if self._left == -1:
            os._exit(self.CODE)


def forked(work: Callable[[], object]) -> int:
    """Does the work in a child without any clean-up at its end; returns the exit code (1: it raised)."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the exit code tells it
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def as_user(uid: int, work: Callable[[], object], *, groups: tuple[int, ...] = ()) -> object:
    """What the work returns (as JSON) when an unprivileged user does it. Needs root."""
    reader, writer = os.pipe()

    def unprivileged() -> None:
        os.setgroups(list(groups))
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.write(writer, json.dumps(work()).encode())

    code = forked(unprivileged)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    assert code == 0
    answer: object = json.loads(told)
    return answer


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """The process's umask while inside."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def grant_by_default_acl(directory: Path, uid: int) -> None:
    """A default ACL (acl(5), version 2 of the kernel's blob) that gives `uid` rw on every new file."""
    entries = [(1, 7, -1), (2, 6, uid), (4, 7, -1), (16, 7, -1), (32, 5, -1)]
    blob = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, perm, who & 0xFFFFFFFF) for tag, perm, who in entries
    )
    os.setxattr(directory, "system.posix_acl_default", blob)


def names(directory: Path) -> list[str]:
    """All entries, hidden ones too."""
    return sorted(os.listdir(directory))
