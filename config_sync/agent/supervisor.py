"""The application behind ``config-sync exec``: started once its files are right, told of changes, outlived by nobody.

One thread owns the program; everyone else posts what they want and, for a restart, waits for the outcome. So there is
one place that knows whether an end was asked for or was the program's own doing. The rules:

* The program's own end is ours, with its exit code: also one in the very moment in which a reload is delivered. With
  `restarts` one that failed is started again, after a growing delay, and one that succeeded ends us.
* A restart asks with TERM, and kills the whole group when the grace is over. A program that had ended by itself before
  it could be asked was not restarted: that end is its own.
* A stop passes the signal on, and kills when the grace is over.
* Signals of ours go to the program alone. Before it runs, and between two runs, those that end programs end us.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from config_sync.agent.supervising import Again, Program, why_ended
from config_sync.errors import ConfigSyncError, Exit, ReloadFailed, Stopped
from config_sync.log import CHILD_ENDED, CHILD_FAILED, CHILD_STARTED, logger
from config_sync.model import ReloadResult
from config_sync.process import Child, CouldNotStart, NotRunning, ProcessHandle
from config_sync.stop import Stop

_SURVIVES_S = 0.1
"""How long a restarted program must live for its restart to count: one that cannot read its files ends at once."""

Ticket = Future[ReloadResult]


@dataclass(slots=True)
class _State:
    """What the thread knows."""

    child: Child | None = None
    was_started: bool = False
    starts_at: float | None = None
    kill_at: float | None = None
    well_at: float | None = None
    """When those who wait for a restart are told that it went well."""
    is_restarting: bool = False
    is_ending: bool = False
    asking: list[Ticket] = field(default_factory=list)


class Supervisor:
    """Owns one program. `code` is what we are to exit with once it is over."""

    def __init__(
        self,
        program: Program,
        *,
        environment: Callable[[], Mapping[str, str]],
        chance: Callable[[], float],
        on_over: Callable[[], None] = lambda: None,
    ) -> None:
        self._program = program
        self._environment = environment
        self._again = Again(program.restarts, chance=chance)
        self.on_over = on_over
        """Called once, from a thread, when nothing more will run."""
        self.code: int | None = None
        self.why: ConfigSyncError | None = None
        """Why it could not be started, if that is what ended it."""
        self.environment_of_child: Mapping[str, str] | None = None
        self._started: tuple[float, float] | None = None
        """When the running program was started: Unix seconds, and seconds since the machine's start."""
        self._state = _State()
        self._posted: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    # ---- from other threads

    def start(self) -> None:
        """The files are right: the program may run. Safe to repeat."""
        self._post(self._on_start)

    def forward(self, number: int) -> None:
        """A signal of ours is the program's."""
        self._post(lambda: self._on_signal(number, is_end=False))

    def end(self, number: int = signal.SIGTERM) -> None:
        """Pass the signal on, and see to it that the program ends. Safe to repeat: it is asked once."""
        self._post(lambda: self._on_signal(number, is_end=True))

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until nothing more runs; False when the time is over."""
        return self._over.wait(timeout_s)

    def restart(self, stop: Stop) -> ReloadResult:
        """The program runs anew with the files of now, or is not running.

        Raises:
            ReloadFailed: it ended at once.
            Stopped: the agent is stopping.
        """
        ticket: Ticket = Future()
        self._post(lambda: self._on_restart(ticket))
        if self._over.is_set():
            return ReloadResult.WAITING_FOR_CONSUMER

        def give_up() -> None:
            with contextlib.suppress(InvalidStateError):
                ticket.set_exception(Stopped())

        with stop.calling(give_up):
            return ticket.result()

    @property
    def asking(self) -> tuple[Ticket, ...]:
        """Who waits for a restart."""
        return tuple(self._state.asking)

    def has_read(self, written_at: float | None) -> bool:
        """Whether the running program was started after that time (Unix seconds): it has what was written then.

        By both clocks, the one of its start and today's, so that a step of either never makes a reload seem done.
        """
        started = self._started
        if started is None or written_at is None:
            return False
        at, at_boot_s = started
        since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        return min(at, time.time() - (since_boot_s - at_boot_s)) > written_at

    def opened(self) -> ProcessHandle:
        """The running program, to be closed. Raises NotRunning."""
        child = self._state.child
        if child is None:
            raise NotRunning("the program is not running")
        return child.opened()

    def _post(self, what: Callable[[], None]) -> None:
        self._posted.append(what)
        with contextlib.suppress(OSError):  # it is over
            os.eventfd_write(self._bell, 1)

    # ---- in the thread

    def _run(self) -> None:
        try:
            while self.code is None:
                self._await()
                while self._posted:
                    self._posted.popleft()()
                self._look()
        finally:
            if self.code is None:  # a bug of ours, whose traceback threading prints: nobody would look after it
                self.code = int(Exit.BUG)
                if self._state.child is not None:
                    self._state.child.kill()
            self._over.set()
            while self._posted:  # what comes later sees that it is over
                self._posted.popleft()()
            self._settle(ReloadResult.WAITING_FOR_CONSUMER)
            self.on_over()

    def _await(self) -> None:
        state = self._state
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        if state.child is not None:
            poll.register(state.child.pidfd, select.POLLIN)
        times = [at for at in (state.starts_at, state.kill_at, state.well_at) if at is not None]
        poll.poll(max(0.0, min(times) - time.monotonic()) * 1000 if times else None)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)

    def _look(self) -> None:
        """What has happened, and what is due."""
        state, now = self._state, time.monotonic()
        if state.child is not None and state.child.has_ended:
            self._on_end(state.child)
        elif state.child is not None and state.kill_at is not None and now >= state.kill_at:
            state.child.kill()
            state.kill_at = None
        elif state.well_at is not None and now >= state.well_at:
            self._settle(ReloadResult.RELOADED)
        if self.code is None and state.starts_at is not None and now >= state.starts_at:
            self._begin()

    def _on_start(self) -> None:
        if not self._state.was_started and self._state.starts_at is None:
            self._state.starts_at = time.monotonic()

    def _on_signal(self, number: int, *, is_end: bool) -> None:
        state = self._state
        # Many programs take a second TERM for "at once", and one that is just ending may die of it.
        was_asked = is_end and number == signal.SIGTERM and (state.is_ending or state.is_restarting)
        state.is_ending = state.is_ending or is_end
        if state.child is not None:
            if not was_asked:
                state.child.send(number)
            if state.is_ending and state.kill_at is None:
                state.kill_at = time.monotonic() + self._program.grace_s
        elif self.code is None and (state.is_ending or number in (signal.SIGINT, signal.SIGQUIT)):
            self.code = 128 + number

    def _on_restart(self, ticket: Ticket) -> None:
        state = self._state
        is_over = state.is_ending or self._over.is_set()
        if not state.was_started or is_over or (state.child is not None and state.child.has_ended):
            _tell(ticket, ReloadResult.WAITING_FOR_CONSUMER)  # it reads the files when it starts, if it does
            return
        state.asking.append(ticket)
        state.well_at = None
        if state.child is None:
            state.starts_at = time.monotonic()  # new files may be what it was waiting for
        elif not state.is_restarting:
            state.is_restarting = True
            state.child.send(signal.SIGTERM)
            state.kill_at = time.monotonic() + self._program.grace_s

    def _on_end(self, child: Child) -> None:
        state = self._state
        left_s = self._program.grace_s if state.kill_at is None else max(0.0, state.kill_at - time.monotonic())
        code = child.reap(grace_s=left_s)
        was_restarting, state.is_restarting = state.is_restarting, False
        state.child, state.kill_at = None, None
        self._started, self.environment_of_child = None, None
        logger().info(CHILD_ENDED, pid=child.pid, reason="Restart" if was_restarting else None, outcome=why_ended(code))
        if state.is_ending:
            self.code = code
        elif was_restarting:
            state.starts_at = time.monotonic()
        else:
            self._on_own_end(code)

    def _on_own_end(self, code: int) -> None:
        state = self._state
        self._fail(ReloadFailed(
            f"{self._program.name} {why_ended(code)} within {_SURVIVES_S:g} s of its restart",
            hint="look at its own log: it could not take the new files",
            reason="ConsumerDied",
        ))  # fmt: skip
        delay_s = self._again.after(code, now=time.monotonic())
        if delay_s is None:
            self.code = code
        else:
            state.starts_at = time.monotonic() + delay_s

    def _begin(self) -> None:
        state = self._state
        state.starts_at, state.was_started = None, True
        started = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)  # before it can read anything
        try:
            environment = self._environment()
            state.child = Child(self._program.argv, environment)
        except CouldNotStart as error:
            self._on_no_start(self._program.not_started(error))
            return
        except ConfigSyncError as error:  # of its environment
            self._on_no_start(error)
            return
        self._started, self.environment_of_child = started, environment
        self._again.started(time.monotonic())
        logger().info(CHILD_STARTED, pid=state.child.pid, command=self._program.name)
        if state.asking:
            state.well_at = time.monotonic() + _SURVIVES_S

    def _on_no_start(self, why: ConfigSyncError) -> None:
        self._fail(ReloadFailed(why.message, hint=why.hint, reason="ConsumerDied"))
        delay_s = self._again.after(int(why.exit_code), now=time.monotonic())
        if delay_s is None:
            self.code, self.why = int(why.exit_code), why
        else:
            logger().error(CHILD_FAILED, error=why.message, hint=why.hint, retry_in_s=round(delay_s, 1))
            self._state.starts_at = time.monotonic() + delay_s

    def _settle(self, result: ReloadResult) -> None:
        asking, self._state.asking, self._state.well_at = self._state.asking, [], None
        for ticket in asking:
            _tell(ticket, result)

    def _fail(self, error: ReloadFailed) -> None:
        asking, self._state.asking, self._state.well_at = self._state.asking, [], None
        for ticket in asking:
            with contextlib.suppress(InvalidStateError):
                ticket.set_exception(error)


def _tell(ticket: Ticket, result: ReloadResult) -> None:
    with contextlib.suppress(InvalidStateError):  # its asker has given up
        ticket.set_result(result)
