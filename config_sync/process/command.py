"""Run one command so that it can neither hang the agent nor outlive its welcome.

The rules, in the order in which they act:

1. The command leads a session and a process group of its own, with an empty signal mask and default dispositions
   (Python ignores SIGPIPE, and an ignored signal is inherited). Of our descriptors it gets none: everything is
   O_CLOEXEC. Its stdin is ours to fill or ``/dev/null``, never inherited.
2. One `poll` waits for the leader (a pidfd), its output (one pipe for both streams) and the stop.
3. When time is up: TERM to the whole group; the grace; then KILL, **before** the leader is reaped, since its unreaped
   pid is what keeps the group's number from being given to strangers.
4. The command is over when its *leader* is, not when its output is closed: a background child that keeps the pipe
   hangs nobody. After a success it lives on (without a reader: it should redirect its output); after a failure the
   rest of the group is killed, since a retry would pile them up. A process that moved to a session of its own has left
   the group on purpose and is left alone.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config_sync.errors import Stopped
from config_sync.model import StopSignal
from config_sync.process.account import Account
from config_sync.process.lines import OutputLines
from config_sync.process.orphans import no_longer_ours, start_as_ours
from config_sync.process.spawn import CouldNotStart, Start, spawn

_CHUNK = 65536
_KILL_WAIT_S = 5.0
"""How long a killed leader may take to die: only one in an uninterruptible sleep (a dead NFS server) takes longer."""
_LAST_WORDS_S = 0.2
"""How long output of a leader that has ended is read: what it wrote is in the pipe already."""


class Ended(enum.Enum):
    """What ended a command."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended. One of `returncode` and `signal` is set, neither when the status was lost."""

    how: Ended
    returncode: int | None
    signal: int | None
    output_tail: str
    took_s: float
    truncated: bool

    @property
    def is_success(self) -> bool:
        """It ended by itself, with 0."""
        return self.how is Ended.EXITED and self.returncode == 0

    def describe(self) -> str:
        """A clause for a message: ``exited with 3 after 0.2 s``. Never its output."""
        if self.how is Ended.TIMED_OUT:
            return f"was killed at its timeout, after {self.took_s:.1f} s"
        if self.signal is not None:
            return f"died of {signal_name(self.signal)} after {self.took_s:.1f} s"
        if self.returncode is None:
            return "ended, but its exit status was lost (something else reaped it)"
        return f"exited with {self.returncode} after {self.took_s:.1f} s"


def signal_name(number: int) -> str:
    """``SIGHUP``; realtime signals as ``SIG34``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def run_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout_s: float,
    stop: StopSignal,
    stdin: bytes | None = None,
    grace_s: float = 2.0,
    stop_grace_s: float = 0.0,
    on_line: Callable[[str], None] | None = None,
    max_output: int = 64 * 1024,
    redact: Sequence[str] = (),
    cwd: str | None = None,
    account: Account | None = None,
) -> Finished:
    """The command has ended, and of a failed or overdue one nothing is left in its group.

    `env` is the whole environment; `argv[0]` without a slash is looked for in its PATH. At `timeout_s` the group gets
    TERM, and KILL `grace_s` later. Once the stop is said the command may go on for `stop_grace_s`, then its group is
    ended the same way, within a fifth of a second where `stop_grace_s` is 0. All times in seconds. `on_line` gets the
    first `max_output` bytes line by line (the rest is drained), with every text of `redact` taken out. `cwd` and
    `account`: in that directory, as that user with all its groups; else as this process.

    Raises:
        CouldNotStart: it never ran.
        Stopped: the stop was said before it ended. One that ends within `stop_grace_s` is an ordinary result.
    """
    if stop.is_set():
        raise Stopped
    output = OutputLines(max_bytes=max_output, on_line=on_line, redact=redact)
    started_at = time.monotonic()
    child = _Child(Start(argv, env, cwd, account), stdin, output)
    try:
        how = child.wait(started_at + timeout_s, stop=stop, stop_grace_s=stop_grace_s)
        if how is not Ended.EXITED:
            child.end_group(grace_s if how is not None or stop_grace_s else min(grace_s, _LAST_WORDS_S))
        child.read_last_words()
        returncode, signalled = child.reap(spare_group=how is Ended.EXITED)
    except BaseException:
        child.reap(spare_group=False, kill=True)
        raise
    finally:
        child.close()
    output.close()
    if how is None:
        raise Stopped
    took_s = time.monotonic() - started_at
    return Finished(how, returncode, signalled, output.tail, took_s, output.is_truncated)


class _Child:
    """One started command and the descriptors that belong to it."""

    def __init__(self, start: Start, stdin: bytes | None, output: OutputLines) -> None:
        self._output = output
        self._to_send = memoryview(stdin or b"")
        self._open: set[int] = set()
        self._in = -1
        self._reaped = False
        try:
            self._start(start, has_stdin=stdin is not None)
        except OSError as error:
            self.close()
            raise CouldNotStart(f"{start.argv[0]}: {os.strerror(error.errno or 0)}") from error
        except BaseException:
            self.close()
            raise

    def _start(self, start: Start, *, has_stdin: bool) -> None:
        self._out, out_child = self._pipe()
        os.set_blocking(self._out, False)
        if has_stdin:
            in_child, self._in = self._pipe()
            os.set_blocking(self._in, False)
        else:
            in_child = self._keep(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        self.pid = start_as_ours(lambda: spawn(start, stdin_fd=in_child, output_fd=out_child))
        try:
            self._pidfd = self._keep(os.pidfd_open(self.pid))
        except OSError:  # out of descriptors: never leave one running that nobody watches
            self._kill_group(signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            no_longer_ours(self.pid)
            raise
        self._shut(in_child)
        self._shut(out_child)

    def _keep(self, descriptor: int) -> int:
        """Owned from now on, and above 2.

        An agent started with closed standard streams would be given 0 to 2: the numbers that the child replaces.
        """
        if descriptor <= 2:
            low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        self._open.add(descriptor)
        return descriptor

    def _pipe(self) -> tuple[int, int]:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        return self._keep(read_end), self._keep(write_end)

    def _shut(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        os.close(descriptor)

    def close(self) -> None:
        """Close whatever is still open."""
        while self._open:
            os.close(self._open.pop())

    def wait(self, deadline: float, *, stop: StopSignal, stop_grace_s: float) -> Ended | None:
        """Until the leader ended or the deadline passed; None: the stop came first."""
        is_stopping = False
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None if is_stopping else Ended.TIMED_OUT
            ready = self._step(remaining, None if is_stopping else stop.fileno())
            if self._pidfd in ready:
                return Ended.EXITED
            if not is_stopping and stop.fileno() in ready:
                if stop_grace_s <= 0:
                    return None
                is_stopping = True
                deadline = min(deadline, time.monotonic() + stop_grace_s)

    def end_group(self, grace_s: float) -> None:
        """TERM, the grace, KILL, to the whole group, while the leader's pid still holds its number."""
        self._kill_group(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        has_leader = True
        # The leader may go at once while a child of it still cleans up: only both ends together end the grace early.
        while (has_leader or self._out in self._open) and (remaining := deadline - time.monotonic()) > 0:
            ready = self._step(remaining, None, skip_leader=not has_leader)
            has_leader = has_leader and self._pidfd not in ready
        self._kill_group(signal.SIGKILL)
        deadline = time.monotonic() + _KILL_WAIT_S
        while (remaining := deadline - time.monotonic()) > 0 and self._pidfd not in self._step(remaining, None):
            pass

    def read_last_words(self) -> None:
        """What the leader left in the pipe; no waiting for others who hold it."""
        deadline = time.monotonic() + _LAST_WORDS_S
        while self._out in self._open and time.monotonic() < deadline:
            if self._out not in self._step(0.0, None, skip_leader=True):
                break

    def reap(self, *, spare_group: bool, kill: bool = False) -> tuple[int | None, int | None]:
        """The leader's exit code and signal; first, unless the leader succeeded and `spare_group`, the group is killed.

        Neither is known when someone else reaped it, or when it cannot die (uninterruptible sleep): init inherits that
        one after us.
        """
        if self._reaped:
            return None, None
        flags = os.WEXITED | os.WNOHANG
        if kill:
            self.end_group(0.0)
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, flags | os.WNOWAIT)
            if found is not None and not (spare_group and found.si_code == os.CLD_EXITED and found.si_status == 0):
                self._kill_group(signal.SIGKILL)
            found = os.waitid(os.P_PIDFD, self._pidfd, flags)
        except ChildProcessError:
            found = None
        self._reaped = True
        no_longer_ours(self.pid)
        if found is None:
            return None, None
        if found.si_code == os.CLD_EXITED:
            return found.si_status, None
        return None, found.si_status

    def _kill_group(self, number: int) -> None:
        # PermissionError: every member runs as someone we may not signal (a set-uid program).
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _step(self, timeout_s: float, stop_fd: int | None, *, skip_leader: bool = False) -> set[int]:
        """One poll: reads and writes what is possible, returns the descriptors that had something."""
        poll = select.poll()
        if not skip_leader:
            poll.register(self._pidfd, select.POLLIN)
        if self._out in self._open:
            poll.register(self._out, select.POLLIN)
        if self._in in self._open:
            poll.register(self._in, select.POLLOUT)
        if stop_fd is not None:
            poll.register(stop_fd, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, timeout_s) * 1000)}
        if self._out in ready:
            self._read()
        if self._in in ready:
            self._write()
        return ready

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._out, _CHUNK)
            if data:
                self._output.feed(data)
            else:
                self._shut(self._out)

    def _write(self) -> None:
        try:
            self._to_send = self._to_send[os.write(self._in, self._to_send) :] if self._to_send else self._to_send
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not care for its stdin
            self._to_send = self._to_send[:0]
        if not self._to_send:
            self._shut(self._in)
