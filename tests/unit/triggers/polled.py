"""What the tests of polling share: a list that the test writes, and a poller over it on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from config_sync.client import ConfigInfo
from config_sync.errors import SyncError
from config_sync.model import ConfigName, ConfigRef
from config_sync.triggers.polling import Poller, PollState
from tests.unit.triggers.watching import RECONNECT, Told
from tests.virtual_clock import EPOCH, running_clock

EVERY_S = 30.0


def at(seconds: float) -> datetime:
    """Virtual time as the list tells it."""
    return datetime.fromtimestamp(EPOCH + seconds, UTC)


def info(name: str = "app", *, updated: float = 0, is_valid: bool = True, valid_from: float = 0) -> ConfigInfo:
    """An entry; times are virtual seconds."""
    return ConfigInfo(name, is_valid, at(valid_from), at(updated))


def ref(name: str = "app") -> ConfigRef:
    """A config."""
    return ConfigRef(ConfigName(name))


@dataclass
class Listing:
    """The service's list: `entries` now, or `failure`; each look takes `takes_s`."""

    entries: list[ConfigInfo] = field(default_factory=list)
    failure: SyncError | None = None
    takes_s: float = 0.0
    looks: list[float] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    states: list[tuple[str, PollState]] = field(default_factory=list)

    async def look(self) -> tuple[ConfigInfo, ...]:
        self.looks.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.failure is not None:
            raise self.failure.with_traceback(None)
        return tuple(self.entries)

    def state(self, ref: ConfigRef, state: PollState) -> None:
        self.states.append((ref.name, state))

    def poller(self) -> Poller:
        """With chance in the middle: every interval is exactly `EVERY_S`."""
        return Poller(
            self.look,
            every_s=EVERY_S,
            reconnect=RECONNECT,
            on_mark=self.told.mark,
            on_state=self.state,
            chance=lambda: 0.5,
            clock=running_clock(),
        )


@contextlib.asynccontextmanager
async def polling(poller: Poller) -> AsyncIterator[asyncio.Task[None]]:
    """The poller, running for the length of the block."""
    task = asyncio.create_task(poller.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
