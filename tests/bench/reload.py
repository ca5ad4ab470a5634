"""From a published file to the consumer that knows: a signal delivered, and what a hook costs beside a bare start.

The first begins when inotify tells of the rename onto the file's name and ends when the consumer's
handler runs: readings of one clock in two processes. In between the agent syncs the directory, saves the
record, finds the process by its pid file, looks at what the signal would do, and sends it. The floor is told by inotify
alike, and sends the signal at once. The second runs ``/bin/true`` to its end, in this process: with a session of its
own, the story on its stdin, its output read; beside it ``posix_spawn`` and ``waitpid``.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config_sync.model import AbsolutePath, ReloadOrder
from config_sync.reloads import CommandReload
from config_sync.stop import Stop
from tests.bench.agents import NAME, running_agent
from tests.bench.arrivals import Arrivals
from tests.bench.emitting import emitting
from tests.bench.table import Row, Side, median, percentile
from tests.service import write_config

NOTE = (
    "signal: from the rename seen by inotify to the consumer's handler, changes spaced beyond debounce.min, the "
    "floor signals at once; hook: /bin/true to its end, with story, session and output, beside posix_spawn and waitpid"
)
SPACING_S = 0.3
PERCENTS = (50, 99)
_WARM = 10

_CONSUMER = """
import os, signal, struct, time
signal.signal(signal.SIGHUP, lambda *_: os.write(1, struct.pack("d", time.monotonic())))
os.write(1, struct.pack("d", 0.0))
while True:
    signal.pause()
"""


def rows(directory: Path, count: int) -> list[Row]:
    """The signal's p50 and p99 of `count` changes, and the median cost of a hook."""
    return [*_signals(directory, count), _hook(max(count, 2))]


@dataclass(frozen=True, slots=True)
class _Consumer:
    process: subprocess.Popen[bytes]

    def told_at(self) -> float:
        """time.monotonic of its next wake-up. Raises TimeoutError."""
        pipe = self.process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], 30)[0]:
            raise TimeoutError("the consumer was not told within 30 s")
        (moment,) = struct.unpack("d", os.read(pipe.fileno(), 8))
        return float(moment)


@contextlib.contextmanager
def _consumer() -> Iterator[_Consumer]:
    argv = [sys.executable, "-S", "-c", _CONSUMER]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            one = _Consumer(process)
            one.told_at()  # it waits from now on
            yield one
        finally:
            process.kill()


def _signals(directory: Path, count: int) -> list[Row]:
    configs = directory / "told"
    write_config(configs, NAME, {"number": 0})
    ours: list[float] = []
    theirs: list[float] = []
    with _consumer() as consumer, _consumer() as bare, emitting(configs) as service:
        pid_file = directory / "consumer.pid"
        pid_file.write_text(f"{consumer.process.pid}\n")
        reload = f"{{signal: HUP, pidfile: {pid_file}}}"
        with running_agent(directory, service, reload=reload) as agent, Arrivals(agent.path.parent) as arriving:
            consumer.told_at()  # of the first sync
            for number in range(1, count + 2):
                time.sleep(SPACING_S)  # quiet: what is measured is a change that comes alone
                write_config(configs, NAME, {"number": number})
                seen_at = arriving.take(agent.path.name, within_s=30)
                bare.process.send_signal(signal.SIGHUP)
                theirs.append(1000 * (bare.told_at() - seen_at))
                ours.append(1000 * (consumer.told_at() - seen_at))
    return [
        Row(
            Side(f"publish to signal, p{percent}", percentile(ours[1:], percent)),
            Side("inotify and kill", percentile(theirs[1:], percent)),
            count,
        )
        for percent in PERCENTS
    ]


def _hook(count: int) -> Row:
    files = (AbsolutePath("/etc/app/config.yaml"),)
    order = ReloadOrder("app", files, files, "outdated", version=2, previous_version=1)
    hook, stop = CommandReload(("/bin/true",)), Stop()
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(_WARM + count):
        begun = time.perf_counter()
        hook.run(order, stop)
        between = time.perf_counter()
        os.waitpid(os.posix_spawn("/bin/true", ("true",), {}), 0)
        ended = time.perf_counter()
        if number >= _WARM:
            ours.append(1000 * (between - begun))
            theirs.append(1000 * (ended - between))
    return Row(Side("hook /bin/true", median(ours)), Side("bare posix_spawn", median(theirs)), count)
