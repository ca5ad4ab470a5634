"""Scenarios under strace(1): a trace of every call of an act, and one call of it hit by a signal or an error.

strace is attached to a child that has stopped itself (`worker`), so a run costs a fork and an attach, no start of
Python; and since it counts calls from the attach on, every run counts alike.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from tests.system.writing.worker import Aftermath, aftermath_of

ROOT = Path(__file__).resolve().parents[3]
_WORKERS = 2
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (.*)")
_NOT_OURS = re.compile(r"mmap|munmap|mremap|brk|madvise|mprotect|rt_sig\w+|futex|getpgid|exit_group|sched_\w+")
"""Memory, signals and locks of Python itself: they touch no file, and how many there are is Python's business."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of an act: its arguments as strace shows them (with ``-y``), and the `nth` of its name."""

    name: str
    arguments: str
    result: str
    nth: int

    def __str__(self) -> str:
        return f"{self.name} number {self.nth}: {self.name}({self.arguments}) = {self.result}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A run in which `call` was hit by `what` (``signal=KILL``, ``error=EIO``)."""

    call: Call
    what: str
    aftermath: Aftermath

    def __str__(self) -> str:
        return f"{self.what} at {self.call}\n{self.aftermath}"


class Worker:
    """One `worker` process and the strace that is attached to its children."""

    def __init__(self, directory: Path) -> None:
        self._place = directory / "place"
        self._trace = directory / "trace"
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.system.writing.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()

    def play(self, scenario: str, *expressions: str) -> tuple[Aftermath, str]:
        """The scenario under strace with these arguments; also the trace."""
        try:
            return self._play(scenario, expressions)
        except BaseException:
            self._process.kill()  # it waits for what will not come
            raise

    def _play(self, scenario: str, expressions: Sequence[str]) -> tuple[Aftermath, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{{"scenario": "{scenario}", "place": "{self._place}"}}\n')
        pid = int(self._process.stdout.readline())
        strace = subprocess.Popen(
            ["strace", "-f", "-p", str(pid), "-o", self._trace, *expressions], stderr=subprocess.PIPE, text=True
        )
        with strace:
            assert strace.stderr is not None
            attached = strace.stderr.readline()
            is_attached = attached.endswith(" attached\n")
            os.kill(pid, signal.SIGCONT if is_attached else signal.SIGKILL)
            assert is_attached, attached + strace.stderr.read()
            strace.stderr.read()
        return aftermath_of(self._process.stdout.readline()), self._trace.read_text()


class Lab:
    """Two workers, and what they find out."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in workers:
            self._idle.put(worker)

    def calls_of(self, scenario: str) -> list[Call]:
        """The calls of an undisturbed act, in order, with the files that descriptors stand for."""
        with self._one() as worker:
            aftermath, trace = worker.play(scenario, "-y", "-s", "4096")
        assert aftermath.told is not None
        assert aftermath.told.is_done, aftermath
        return list(calls_in(trace))

    def hit(self, scenario: str, hits: Sequence[tuple[Call, str]]) -> Iterator[Hit]:
        """The scenario once for each call and what hits it there; every one is made sure to have been hit."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            yield from pool.map(lambda one: self._hit(scenario, *one), hits)

    def _hit(self, scenario: str, call: Call, what: str) -> Hit:
        expressions = ("-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.nth}")
        with self._one() as worker:
            aftermath, trace = worker.play(scenario, *expressions)
        hit = Hit(call, what, aftermath)
        if what == "signal=KILL":
            assert aftermath.code == -signal.SIGKILL, f"no kill: {hit}\n{trace}"
        else:
            assert trace.count("(INJECTED)") == 1, f"not injected: {hit}\n{trace}"
        return hit

    @contextmanager
    def _one(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


@contextmanager
def opened_lab(directory: Path) -> Iterator[Lab]:
    """A lab whose scenarios play below `directory`."""
    with ExitStack() as stack:
        places = [directory / str(number) for number in range(_WORKERS)]
        for place in places:
            place.mkdir()
            place.chmod(0o755)
        yield Lab([stack.enter_context(Worker(place)) for place in places])


def calls_in(trace: str) -> Iterator[Call]:
    """Between the two marks of getpgid(2), less what is Python's own; counted from the start of the trace."""
    counts: Counter[str] = Counter()
    is_inside = False
    for line in trace.splitlines():
        matched = _LINE.match(line)
        if matched is None:
            continue
        name, arguments, result = matched.groups()
        counts[name] += 1
        is_inside ^= name == "getpgid"
        if is_inside and not _NOT_OURS.fullmatch(name):
            yield Call(name, arguments, result, counts[name])


def last_mark(calls: Sequence[Call]) -> Call:
    """The mark behind all calls: what hits it hits a finished act."""
    return dataclasses.replace(calls[-1], name="getpgid", arguments="0", result="", nth=2)
