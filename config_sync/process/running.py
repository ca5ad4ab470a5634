"""A process that someone else started, held by a pidfd so that its number cannot come to mean another one.

A pid is a number that is used again; a pidfd (pidfd_open(2)) stays with the process. Everything read from
``/proc/PID`` after opening is about that same process as long as the pidfd says that it is alive, so `open_process`
reads first and looks at the pidfd last.
"""

from __future__ import annotations

import contextlib
import enum
import os
import select
import signal
import sys
import time
from dataclasses import dataclass


class NotRunning(Exception):
    """No process has this pid (or only a dead one, or a thread)."""


class Disposition(enum.Enum):
    """What a signal would do to a process right now (signal(7))."""

    CAUGHT = "caught"
    AWAITED = "awaited"
    """Blocked in every thread: something waits for it by ``sigwait`` or a signalfd."""
    IGNORED = "ignored"
    DEFAULT = "default"
    """The default action; for HUP, USR1 and USR2 it ends the process."""


@dataclass(frozen=True, slots=True)
class ProcessHandle:
    """One process, identified. Close it.

    `started_at_boot_s` is its start on CLOCK_BOOTTIME, in seconds, to 10 ms (proc_pid_stat(5), field 22).
    """

    pid: int
    pidfd: int
    uid: int
    started_at_boot_s: float
    exe: str | None
    """None where it may not be read (another user's process)."""
    cmdline: str

    @property
    def started_at(self) -> float:
        """Unix seconds, by today's clock: a clock that was stepped since shifts it."""
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - self.started_at_boot_s)

    @property
    def name(self) -> str:
        """For messages: the program's file, else the first word of its command line. Never the arguments.

        Cut at a blank as well: a program that sets its title (setproctitle) has all of it as one word.
        """
        return self.exe or self.cmdline.split("\0", 1)[0].split(" ", 1)[0] or "a kernel thread"

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self.ends_within(0.0)

    def ends_within(self, seconds: float) -> bool:
        """Wait at most so long for its end; True if it came."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def send(self, number: signal.Signals) -> None:
        """One signal to exactly this process. Raises ProcessLookupError, PermissionError."""
        signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError):
            os.close(self.pidfd)

    def __enter__(self) -> ProcessHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_process(pid: int) -> ProcessHandle:
    """The running process with this pid; the caller closes it.

    Raises:
        NotRunning: there is none, it has ended, or the number is a thread's.
        PermissionError: ``/proc`` hides it (mounted with hidepid).
    """
    try:
        pidfd = os.pidfd_open(pid)
    except (ProcessLookupError, FileNotFoundError):
        raise NotRunning(f"no process has pid {pid}") from None
    except OSError as error:  # EINVAL: a thread that leads no group (ENOENT from Linux 6.9 on)
        raise NotRunning(f"pid {pid} is not a process: {error.strerror}") from None
    try:
        handle = _look_at(pid, pidfd)
        if not handle.is_alive:
            raise NotRunning(f"process {pid} has ended")
    except BaseException:
        os.close(pidfd)
        raise
    return handle


def _look_at(pid: int, pidfd: int) -> ProcessHandle:
    try:
        stat = _read(f"/proc/{pid}/stat")
        cmdline = _read(f"/proc/{pid}/cmdline")
        uid = int(_status(f"/proc/{pid}/status")["Uid"].split()[0])
    except (FileNotFoundError, ProcessLookupError):
        if not _is_readable(pidfd):  # alive, and yet not to be seen
            raise PermissionError(f"/proc does not show process {pid}: is it mounted with hidepid?") from None
        raise NotRunning(f"process {pid} has ended") from None
    try:
        exe = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        exe = None
    # The name in field 2 may hold spaces and brackets: count from its closing one.
    ticks = int(stat.rpartition(")")[2].split()[19])
    return ProcessHandle(pid, pidfd, uid, ticks / os.sysconf("SC_CLK_TCK"), exe, cmdline)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def disposition_of(handle: ProcessHandle, number: signal.Signals) -> Disposition:
    """What `number` would do to the process: by its ``SigCgt`` and ``SigIgn``, and ``SigBlk`` over all its threads.

    Raises:
        NotRunning: it has ended meanwhile.
    """
    bit = 1 << (number - 1)
    try:
        whole = _status(f"/proc/{handle.pid}/status")
        if int(whole["SigCgt"], 16) & bit:
            return Disposition.CAUGHT
        if int(whole["SigIgn"], 16) & bit:
            return Disposition.IGNORED
        if _is_awaited(handle, bit):
            return Disposition.AWAITED
    except (FileNotFoundError, ProcessLookupError):
        raise NotRunning(f"process {handle.pid} has ended") from None
    return Disposition.DEFAULT


_LOOKS = 4
_LOOKS_AT_MOST = 40
_BETWEEN_LOOKS_S = 0.004


def _is_awaited(handle: ProcessHandle, bit: int) -> bool:
    """Whether the signal is kept from acting on the process for good, not just at this moment.

    Many programs block all signals for an instant: every fork and posix_spawn of glibc does, and shells do before they
    wait. So it is looked at again and again, and a lone thread that is running is no evidence.
    """
    seen = 0
    for _ in range(_LOOKS_AT_MOST):
        match _keeps_off(handle.pid, bit):
            case False:
                return False
            case True:
                seen += 1
        if seen == _LOOKS:
            return True
        if handle.ends_within(_BETWEEN_LOOKS_S):
            raise NotRunning(f"process {handle.pid} has ended")
    return False


def _keeps_off(pid: int, bit: int) -> bool | None:
    """Whether every thread blocks the signal or waits for it; None: so it looks, but the only thread is running."""
    threads = os.listdir(f"/proc/{pid}/task")
    is_alone = len(threads) == 1
    is_sleeping = True
    for thread in threads:
        try:
            status = _status(f"/proc/{pid}/task/{thread}/status")
            if not int(status["SigBlk"], 16) & bit and not _waits_for(pid, thread, bit, is_alone=is_alone):
                return False
            is_sleeping = status["State"].startswith("S")
        except (FileNotFoundError, ProcessLookupError):  # a thread may end while we look
            continue
    return True if is_sleeping or not is_alone else None


def _waits_for(pid: int, thread: str, bit: int, *, is_alone: bool) -> bool:
    """Whether the thread sleeps in ``sigwait`` for the signal.

    While it does, the kernel takes the awaited signals out of its ``SigBlk`` (kernel/signal.c, do_sigtimedwait), so
    that the mask looks like that of a thread which the signal would kill. What it awaits is in its own memory, at the
    system call's first argument. Where that may not be read, a thread beside others is taken for the signal thread
    that such programs have, and a lone one is not.
    """
    directory = f"/proc/{pid}/task/{thread}"
    try:
        if "sigtimedwait" not in _read(f"{directory}/wchan"):
            return False
    except PermissionError:
        return False
    try:
        address = int(_read(f"{directory}/syscall").split()[1], 16)
        with open(f"{directory}/mem", "rb", buffering=0) as memory:
            awaited = os.pread(memory.fileno(), 8, address)
    except (PermissionError, ValueError, IndexError):
        return not is_alone
    return bool(int.from_bytes(awaited, sys.byteorder) & bit)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _status(path: str) -> dict[str, str]:
    """proc_pid_status(5) as a mapping."""
    return {key: value.strip() for key, _, value in (line.partition(":") for line in _read(path).splitlines())}
