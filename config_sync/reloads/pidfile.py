"""From a pid file to the one process it means, or a clear reason why not.

A pid file can be stale, and its number given to a stranger. What protects, in order: the process is held by a pidfd;
a pid file that is older than its process is not that process's; and a pid file that belongs to an ordinary user can
name only that user's processes, or writing a number would be a way to have root signal anything.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from dataclasses import dataclass

from config_sync.errors import ReloadFailed
from config_sync.log import RELOAD_WARNED, logger
from config_sync.model import AbsolutePath, ReloadOrder, StopSignal
from config_sync.process import NotRunning, ProcessHandle, open_process

SLACK_S = 2.0
"""Clocks, file systems and the 10 ms of a start time never agree exactly (reload.md)."""

_MAX_BYTES = 256
"""PostgreSQL's pid file has eight lines, of which the first is the pid."""


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a pid file says. `mtime` is Unix seconds."""

    path: AbsolutePath
    pid: int
    mtime: float
    uid: int


@dataclass(frozen=True, slots=True)
class _Seen:
    exe: str | None
    cmdline: str


_seen: dict[AbsolutePath, _Seen] = {}
"""Who answered to a pid file at the last good signal: tells a stepped clock from a number given to a stranger."""
_seen_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ByPidFile:
    """The process whose number stands in `path`."""

    path: AbsolutePath

    def describe(self) -> str:
        """``the pid in /run/nginx.pid``."""
        return f"the pid in {self.path}"

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle:  # noqa: ARG002  # a pid file is read at once
        """The process; the caller closes it.

        Raises:
            NotRunning: no pid file, an empty one, or a dead pid.
            ReloadFailed: it cannot be trusted, or not be read.
        """
        found = read_pid_file(self.path)
        if found is None:
            raise NotRunning(f"there is no {self.path}, or nothing is in it")
        return open_consumer(found)

    def took_well(self, process: ProcessHandle) -> None:
        """Remember it: tells a stepped clock from a number given to a stranger, next time."""
        with _seen_lock:
            _seen[self.path] = _Seen(process.exe, process.cmdline)


def read_pid_file(path: AbsolutePath) -> PidFile | None:
    """What it says; None: there is none, or an empty one.

    Raises:
        ReloadFailed: it is no regular file, may be written by others, cannot be read, or holds no pid.
    """
    try:
        # NONBLOCK: a FIFO planted there must not hold us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if os.path.islink(path):
            raise ReloadFailed(
                f"pid file {path} is a symbolic link", hint="name the file itself", reason="PidFileUntrusted"
            ) from None
        raise ReloadFailed(
            f"pid file {path} cannot be read: {error.strerror}",
            hint=f"let uid {os.geteuid()} read it",
            reason="PidFileUnreadable",
        ) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ReloadFailed(
                f"pid file {path} is not a regular file",
                hint="name the file that holds the pid",
                reason="PidFileUntrusted",
            )
        if found.st_mode & stat.S_IWOTH:
            raise ReloadFailed(
                f"pid file {path} may be written by anyone (mode {stat.S_IMODE(found.st_mode):04o})",
                hint="take that right away (chmod o-w), or any user could choose which process is signalled",
                reason="PidFileUntrusted",
            )
        text = os.read(descriptor, _MAX_BYTES)
    except OSError as error:
        raise ReloadFailed(f"pid file {path} cannot be read: {error.strerror}", reason="PidFileUnreadable") from error
    finally:
        os.close(descriptor)
    if not text.strip():
        # Made before its program runs (`nginx -t` does that), or being written this instant: looked at again soon.
        return None
    first = text.split(b"\n", 1)[0].strip()
    # pid_max is at most 2**22 (proc(5)).
    if not (first.isdigit() and 0 < len(first) <= 7 and int(first) > 0):
        raise ReloadFailed(
            f"pid file {path} holds no process id",
            hint="the program may be writing it right now: it is tried again",
            reason="PidFileUnreadable",
        )
    return PidFile(path, int(first), found.st_mtime, found.st_uid)


def open_consumer(found: PidFile) -> ProcessHandle:
    """The process that the pid file means; the caller closes it.

    Raises:
        NotRunning: there is none any more.
        ReloadFailed: its number belongs to someone else now, or may not be trusted.
    """
    if found.pid == os.getpid():
        raise ReloadFailed(
            f"pid file {found.path} names config-sync itself",
            hint="name the consumer's pid file",
            reason="PidFileUntrusted",
        )
    try:
        process = open_process(found.pid)
    except PermissionError as error:
        raise ReloadFailed(
            str(error), hint="give the agent a /proc that shows the consumer", reason="ProcessHidden"
        ) from error
    try:
        _check_owner(found, process)
        if found.mtime < process.started_at - SLACK_S:
            _check_age(found, process)
    except BaseException:
        process.close()
        raise
    return process


def _check_owner(found: PidFile, process: ProcessHandle) -> None:
    if found.uid not in (0, os.geteuid(), process.uid):
        raise ReloadFailed(
            f"pid file {found.path} belongs to uid {found.uid}, but process {process.pid} ({process.name}) runs as"
            f" uid {process.uid}",
            hint="a user's pid file may name that user's processes only: give it to root",
            reason="PidFileUntrusted",
        )


def _check_age(found: PidFile, process: ProcessHandle) -> None:
    """A pid file older than its process: a stranger has the number, or the clock was stepped meanwhile.

    It was the clock if the same program as at the last good signal answers, or if the file is from before the boot on a
    file system that did not exist then. Without such a proof nobody is signalled.
    """
    with _seen_lock:
        seen = _seen.get(found.path)
    if seen is not None:
        is_same = seen == _Seen(process.exe, process.cmdline)
    else:
        booted_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        is_same = found.mtime < booted_at - SLACK_S and _is_in_memory(found.path)
    if not is_same:
        raise ReloadFailed(
            f"pid file {found.path} is stale: it is older than process {process.pid} ({process.name})",
            hint="restart the consumer, or remove its pid file if it does not run (`touch` the file if it is right)",
            reason="PidFileStale",
        )
    logger().warning(
        RELOAD_WARNED,
        path=found.path,
        error=f"the pid file is older than process {process.pid} ({process.name}): the clock must have been stepped",
    )


def _is_in_memory(path: AbsolutePath) -> bool:
    """Whether it lies under /run, which is a tmpfs that begins empty at each boot (file-hierarchy(7))."""
    return os.path.realpath(path).startswith("/run/") and os.path.ismount("/run")
