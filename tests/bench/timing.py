"""Whole processes against the clock, taken in turn so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.table import Side, median


@dataclass(frozen=True, slots=True)
class Measured:
    """One command. `prepare` runs before each start, unmeasured, and returns words to append (a fresh path, say)."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    expect: tuple[int, ...] = (0,)
    prepare: Callable[[], Sequence[str]] = tuple


@dataclass(slots=True)
class Times:
    """All runs of one command: seconds by the clock, from before the start to the end of the wait, and of CPU."""

    name: str
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def side(self) -> Side:
        """The medians, in milliseconds."""
        return Side(self.name, 1000 * median(self.wall_s), cpu_ms=1000 * median(self.cpu_s))


def in_turn(commands: Sequence[Measured], count: int) -> list[Times]:
    """Each command once, `count` times over, after one unmeasured round.

    Raises:
        RuntimeError: a command ended with an exit code that was not expected; carries what it said.
    """
    times = [Times(one.name) for one in commands]
    for number in range(count + 1):
        for one, taken in zip(commands, times, strict=True):
            wall_s, cpu_s = _run(one)
            if number:
                taken.wall_s.append(wall_s)
                taken.cpu_s.append(cpu_s)
    return times


def _run(one: Measured) -> tuple[float, float]:
    argv = [*one.argv, *one.prepare()]
    begun = time.perf_counter()
    process = subprocess.Popen(
        argv, env=one.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with process:
        assert process.stderr is not None
        said = process.stderr.read()  # ends when the process does: none of them leaves a child behind
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in one.expect:
        raise RuntimeError(f"{one.name}: exit code {process.returncode}: {said.decode(errors='replace')[-2000:]}")
    return wall_s, used.ru_utime + used.ru_stime
