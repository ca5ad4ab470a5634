"""A program that runs as long as we do: the application behind ``config-sync exec``.

It leads a process group of its own, in our session, and has our stdin, stdout and stderr; if we had the terminal, it
has it now. Signals go to the program itself and not to its children, as they would without us; what is left of its
group when it has ended is ended too. It is held by a pidfd and stays unreaped until then, so that neither its number
nor its group's can come to mean somebody else.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Mapping, Sequence

from config_sync.process.orphans import no_longer_ours, start_as_ours
from config_sync.process.running import NotRunning, ProcessHandle, open_process
from config_sync.process.spawn import CouldNotStart, Start, spawn_application

_STEP_S = 0.02
"""Between two looks at whether a group has ended: there is nothing to wait on for that."""
_TERMINAL = 0
"""Our stdin: where a terminal is, if we have one."""


class Child:
    """One running program. `pidfd` is readable once it has ended. All but `reap` may be called from any thread."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Starts it. Raises CouldNotStart."""
        self._lock = threading.Lock()
        self._is_reaped = False
        try:
            self.pid = start_as_ours(lambda: spawn_application(Start(argv, env)))
        except OSError as error:
            raise CouldNotStart(f"{argv[0]}: {os.strerror(error.errno or 0)}") from error
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError as error:  # out of descriptors: never leave one running that nobody watches
            self.kill()
            os.waitpid(self.pid, 0)
            no_longer_ours(self.pid)
            raise CouldNotStart(f"{argv[0]} cannot be watched: {os.strerror(error.errno or 0)}") from error
        self._has_terminal = _hand_terminal_to(self.pid)

    @property
    def has_ended(self) -> bool:
        """Whether the program itself is over; others of its group may live on."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def send(self, number: int) -> None:
        """One signal to the program. Nothing if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def opened(self) -> ProcessHandle:
        """The same process for whoever wants to know more of it; to be closed. Raises NotRunning."""
        with self._lock:  # its number is its own only until it is reaped
            if self._is_reaped:
                raise NotRunning(f"process {self.pid} has ended")
            return open_process(self.pid)

    def kill(self) -> None:
        """KILL to all of its group."""
        self._tell_group(signal.SIGKILL)

    def reap(self, *, grace_s: float) -> int:
        """Its exit code, or 128 and the number of the signal that ended it, once nothing of its group is left.

        To be called when it has ended. Those of its group that are still there get TERM, and KILL when `grace_s`
        seconds are over.
        """
        deadline = time.monotonic() + grace_s
        if self._has_others():
            self._tell_group(signal.SIGTERM)
            self._tell_group(signal.SIGCONT)  # a stopped process gets no TERM
            while self._has_others() and time.monotonic() < deadline:
                time.sleep(_STEP_S)
            self._tell_group(signal.SIGKILL)
        if self._has_terminal:
            _hand_terminal_to(os.getpgrp())
        with self._lock:
            self._is_reaped = True
            found = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            no_longer_ours(self.pid)
            os.close(self.pidfd)
        if found is None:  # cannot be: without WNOHANG it waits
            return 128
        return found.si_status if found.si_code == os.CLD_EXITED else 128 + found.si_status

    def _tell_group(self, number: int) -> None:
        # PermissionError: every member runs as someone we may not signal (a set-uid program).
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _has_others(self) -> bool:
        """Whether one of its group lives, beside itself."""
        for name in os.listdir("/proc"):
            if not name.isdecimal() or int(name) == self.pid:
                continue
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="surrogateescape") as file:
                    state, _, group = file.read().rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(group) == self.pid and state not in "ZX":
                return True
        return False


def _hand_terminal_to(group: int) -> bool:
    """Make `group` the one that the terminal's keys signal and that may read it; False where that is not ours to say.

    It is ours only as long as we are in the foreground ourselves, or the group that we gave it to still has it.
    """
    try:
        if not os.isatty(_TERMINAL) or (group != os.getpgrp() and os.tcgetpgrp(_TERMINAL) != os.getpgrp()):
            return False
        # A background group that takes the terminal is stopped by TTOU, unless that is blocked (tcsetpgrp(3)).
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.tcsetpgrp(_TERMINAL, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGCONT)  # it may have read already, and been stopped for it
    except OSError:  # no controlling terminal, or the group is gone
        return False
    return True
