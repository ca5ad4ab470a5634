"""Ten thousand agents whose service restarts: our pacing and gate beside two usual ways, on virtual time.

The agents follow `triggers.pacing` and `triggers.gate`, which the agent itself uses; the others wait a fixed time, or
as long as plain full jitter says. All streams have lived for long when they end at once; for `DOWN_S` every connect is
refused; then it is answered. A stream that is open again is *current* one round trip later, when its fetch is
answered. The service takes any number at once: what is counted is what would reach it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from config_sync.backoff import Backoff, Delays
from config_sync.errors import ServiceUnavailable
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.pacing import Pacing
from config_sync.triggers.stream_state import clean_end, loss_of
from tests.bench.table import Row, Side, percentile
from tests.virtual_clock import run

NOTE = (
    "simulation: streams that lost one service, which refuses for 2 s and answers after that; virtual time, our own "
    "pacing and gate (5 s, 60 s); plain full jitter: [0, min(60 s, 1 s·2ᵏ)]; fixed: 5 s; connects in the worst 100 ms "
    "from 0, and when 99 of 100 are current after the loss"
)
DOWN_S = 2.0
ROUND_TRIP_S = 0.02
BIN_S = 0.1
RECONNECT = Backoff(5.0, 60.0)
JITTER = Backoff(1.0, 60.0)
FIXED_S = 5.0
LIVED_S = 3600.0
AIM_PEAK, AIM_CURRENT_S = 350.0, 60.0


@dataclass(slots=True)
class _Host:
    """The service: refuses, then answers; notes every connect, and when each stream was current again."""

    connects: list[float] = field(default_factory=list)
    current: list[float] = field(default_factory=list)

    async def connect(self) -> None:
        """Raises ServiceUnavailable while it is down."""
        now = asyncio.get_running_loop().time()
        self.connects.append(now)
        await asyncio.sleep(ROUND_TRIP_S)
        if now < DOWN_S:
            raise ServiceUnavailable("refused")

    async def fetch(self) -> None:
        """The comparison after a connect."""
        await asyncio.sleep(ROUND_TRIP_S)
        self.current.append(asyncio.get_running_loop().time())

    @property
    def peak(self) -> float:
        """Connects in the worst of the bins."""
        return float(max(Counter(int(at / BIN_S) for at in self.connects).values()))


async def _ours(host: _Host, gate: ConnectGate, chance: Callable[[], float]) -> None:
    """As `triggers.subscription` does it."""
    pacing = Pacing(RECONNECT, chance)
    loss, lived_s = clean_end(), LIVED_S
    while True:
        await asyncio.sleep(pacing.delay_after(loss, lived_s=lived_s))
        try:
            async with gate.turn():
                await host.connect()
                gate.answered()
        except ServiceUnavailable as error:
            gate.failed()
            loss, lived_s = loss_of(error), 0.0
            continue
        return await host.fetch()


async def _theirs(host: _Host, delay_s: Callable[[], float]) -> None:
    while True:
        await asyncio.sleep(delay_s())
        try:
            await host.connect()
        except ServiceUnavailable:
            continue
        return await host.fetch()


def rows(directory: Path, count: int) -> list[Row]:
    """`count` streams, each of an agent of its own, and ten to an agent."""
    del directory  # nothing is written
    chance = random.Random(1).random
    few = max(1, count // 10)
    gates = [ConnectGate() for _ in range(few)]
    ours = _simulated(count, lambda host, _: _ours(host, ConnectGate(), chance))
    shared = _simulated(count, lambda host, number: _ours(host, gates[number % few], chance))
    jitter = _simulated(count, lambda host, _: _theirs(host, Delays(JITTER, chance).next))
    fixed = _simulated(count, lambda host, _: _theirs(host, lambda: FIXED_S))
    told = f"{count} streams"
    found: list[Row] = []
    for name, one in ((f"{told}, one an agent", ours), (f"{told}, ten an agent", shared)):
        current_s = percentile(one.current, 99)
        found += [
            Row(Side(f"{name}: peak", one.peak, "connects"), Side(other, against, "connects"), count)
            for other, against in (("aim", AIM_PEAK), ("full jitter", jitter.peak), ("fixed delay", fixed.peak))
        ]
        found += [
            Row(Side(f"{name}: 99 % current", current_s, "s"), Side(other, against, "s"), count)
            for other, against in (
                ("aim", AIM_CURRENT_S),
                ("full jitter", percentile(jitter.current, 99)),
                ("fixed delay", percentile(fixed.current, 99)),
            )
        ]
    return found


def _simulated(count: int, stream: Callable[[_Host, int], Awaitable[None]]) -> _Host:
    host = _Host()

    async def all_of_them() -> None:
        await asyncio.gather(*(stream(host, number) for number in range(count)))

    run(all_of_them())
    return host
