"""What the tests of subscriptions share: one subscription on virtual time, and everything it told."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from config_sync.backoff import Backoff
from config_sync.model import ChangeEvent, ConfigName, ConfigRef
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.stream_state import StreamState, StreamWord
from config_sync.triggers.subscription import Subscription
from config_sync.workqueue import Wake
from tests.fake_streams import FakeStreams
from tests.virtual_clock import running_clock

REF = ConfigRef(ConfigName("app"))
RECONNECT = Backoff(first_s=5.0, max_s=60.0)
IDLE_S = 90.0


@dataclass
class Told:
    """The marks and states in order, with the virtual times of the marks."""

    marks: list[tuple[float, Wake, ChangeEvent | None]] = field(default_factory=list)
    states: list[StreamState] = field(default_factory=list)

    def mark(self, ref: ConfigRef, wake: Wake, change: ChangeEvent | None) -> None:
        self.marks.append((asyncio.get_running_loop().time(), wake, change))

    def state(self, ref: ConfigRef, state: StreamState) -> None:
        self.states.append(state)

    @property
    def wakes(self) -> list[Wake]:
        return [wake for _, wake, _ in self.marks]

    @property
    def words(self) -> list[StreamWord]:
        return [state.word for state in self.states]


def subscription(
    streams: FakeStreams,
    told: Told,
    *,
    ref: ConfigRef = REF,
    chance: Callable[[], float] | None = None,
    gate: ConnectGate | None = None,
    is_replaced: Callable[[ConfigRef], bool] | None = None,
) -> Subscription:
    """With the shipped numbers and seeded chance."""
    return Subscription(
        ref,
        streams,
        idle_timeout_s=IDLE_S,
        reconnect=RECONNECT,
        on_mark=told.mark,
        on_state=told.state,
        gate=gate if gate is not None else ConnectGate(),
        chance=chance if chance is not None else random.Random(1).random,
        clock=running_clock(),
        is_replaced=is_replaced,
    )


@contextlib.asynccontextmanager
async def running(*watchers: Subscription) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The subscriptions, running for the length of the block."""
    tasks = [asyncio.create_task(one.run(), name=f"watch {one.ref.name}") for one in watchers]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
