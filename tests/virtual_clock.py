"""An asyncio event loop on virtual time: hours of backoff pass in milliseconds, and always the same way.

Whenever no callback is ready, time jumps to the next timer. Real descriptors are still looked at (without waiting), so
`call_soon_threadsafe` and signals work; work given to an executor runs inline, at no virtual time. When nothing is
ready and no timer is set, nothing can ever happen again: that raises `Deadlock`, which names the waiting tasks.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = 1_700_000_000.0
"""Unix time at which virtual time starts (2023-11-14T22:13:20Z)."""


class Deadlock(AssertionError):
    """Every task waits for something that nothing can bring about."""


class TooLong(AssertionError):
    """Virtual time went past the limit: something turns for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: what `select` would have slept is added to the virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limit_s = float("inf")
        self.waiting: Callable[[], str] = str

    def select(  # type: ignore[explicit-any]  # SelectorKey holds one
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise Deadlock(f"at {self.now:.3f} s nothing is ready and no timer is set; waiting: {self.waiting()}")
        if self.now + timeout > self.limit_s:
            raise TooLong(f"virtual time would pass {self.limit_s} s; waiting: {self.waiting()}")
        self.now += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `limit_s` bounds its virtual time, in seconds."""

    def __init__(self, *, limit_s: float = float("inf")) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._jumping.limit_s = limit_s
        self._jumping.waiting = self._tasks

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    def run_in_executor(self, executor: object, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Runs `func` here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # as an executor does
            future.set_exception(error)
        return future

    def _tasks(self) -> str:
        return ", ".join(sorted(f"{task.get_name()} in {task.get_coro()!r}" for task in asyncio.all_tasks(self)))


class VirtualClock:
    """A `config_sync.clock.Clock` that shows the loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, epoch: float = EPOCH) -> None:
        self._loop = loop
        self._epoch = epoch

    def monotonic(self) -> float:
        return self._loop.time()

    def now(self) -> float:
        return self._epoch + self._loop.time()


def running_clock() -> VirtualClock:
    """The clock of the loop that runs the caller."""
    return VirtualClock(asyncio.get_running_loop())


def run(main: Coroutine[object, object, T], *, limit_s: float = 30 * 86400.0) -> T:
    """Run `main` to its end on a fresh virtual loop; tasks that are left are cancelled.

    Raises:
        Deadlock: nothing can happen any more.
        TooLong: virtual time went past `limit_s` seconds.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(limit_s=limit_s)) as runner:
        return runner.run(main)


async def settled(rounds: int = 20) -> None:
    """Let everything that is ready run, without any time passing."""
    for _ in range(rounds):
        await asyncio.sleep(0)
