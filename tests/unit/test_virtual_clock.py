"""Time jumps, order stays, and a standstill is told."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from config_sync.clock import Clock
from tests.virtual_clock import EPOCH, Deadlock, TooLong, VirtualClock, run, running_clock, settled


def test_a_day_passes_in_no_time_and_the_clock_shows_it() -> None:
    async def day() -> tuple[float, float, float]:
        clock: Clock = running_clock()
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time(), clock.monotonic(), clock.now()

    started = time.monotonic()
    loop_time, monotonic, now = run(day())
    assert (loop_time, monotonic, now) == (86_400, 86_400, EPOCH + 86_400)
    assert time.monotonic() - started < 3600


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def race() -> list[str]:
        seen: list[str] = []

        async def runner(name: str, naps: tuple[float, ...]) -> None:
            for nap in naps:
                await asyncio.sleep(nap)
                seen.append(f"{name}@{asyncio.get_running_loop().time():g}")

        async with asyncio.TaskGroup() as group:
            group.create_task(runner("slow", (3, 3)))
            group.create_task(runner("quick", (1, 1, 3)))
        return seen

    assert run(race()) == ["quick@1", "quick@2", "slow@3", "quick@5", "slow@6"]


def test_a_timeout_fires_at_its_virtual_time() -> None:
    async def late() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(late()) == 90


def test_a_standstill_raises_and_names_the_task() -> None:
    async def stuck() -> None:
        await asyncio.create_task(asyncio.Event().wait(), name="the-stuck-one")

    with pytest.raises(Deadlock, match="the-stuck-one"):
        run(stuck())


def test_a_loop_that_turns_for_ever_meets_the_limit() -> None:
    async def turning() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_later(10, again)

        again()
        await asyncio.Event().wait()

    with pytest.raises(TooLong):
        run(turning(), limit_s=3600)


def test_an_error_of_the_main_coroutine_comes_out_and_left_tasks_are_cancelled() -> None:
    ended: list[str] = []

    async def left() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def failing() -> None:
        task = asyncio.create_task(left())
        await settled()
        raise KeyError(task.get_name())

    with pytest.raises(KeyError):
        run(failing())
    assert ended == ["cancelled"]


def test_call_soon_threadsafe_from_inline_code_wakes_the_loop() -> None:
    async def inline() -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        loop.call_soon(lambda: loop.call_soon_threadsafe(future.set_result, "woken"))
        return await future

    assert run(inline()) == "woken"


def test_work_for_a_thread_runs_inline_and_its_errors_come_back() -> None:
    async def threaded() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 42)

    assert run(threaded()) == 42


def test_a_signal_handler_of_the_loop_runs_without_time_passing() -> None:
    async def signalled() -> float:
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR2, came.set)
        try:
            loop.call_later(5, signal.raise_signal, signal.SIGUSR2)
            await came.wait()
            return loop.time()
        finally:
            loop.remove_signal_handler(signal.SIGUSR2)

    assert run(signalled()) == 5


def test_settled_lets_ready_callbacks_run_and_no_time_pass() -> None:
    async def chain() -> tuple[int, float]:
        done: list[int] = []

        async def links() -> None:
            for step in range(10):
                await asyncio.sleep(0)
                done.append(step)

        task = asyncio.create_task(links())
        await settled()
        assert task.done()
        return len(done), VirtualClock(asyncio.get_running_loop()).monotonic()

    assert run(chain()) == (10, 0.0)
