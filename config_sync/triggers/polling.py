"""Looking at the list of configs instead of listening to streams: one request for all, whatever their number.

The list says of each config whether it is valid, from when, and when it was last updated. It knows no environments and
no versions, so a difference only marks, as an event does:

1. A config's first sight marks it (`Wake.CONNECTED`): what changed before is compared once, what changes later differs.
2. A difference in any of the three marks (`Wake.EVENT`), and so do coming into the list, leaving it, and the passing of
   a `valid_from` that lay ahead. The look after that marks once more: a time in whole seconds hides a second change.
3. Where the list cannot be had, `pacing` says when to try again, as for a stream. What was seen before stays, so that a
   change during the outage is found by the first look after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from config_sync.backoff import Backoff, around
from config_sync.client import ConfigInfo
from config_sync.clock import Clock
from config_sync.errors import Retry, Stopped, SyncError
from config_sync.log import POLL_FAILED, POLL_RECOVERED, logger
from config_sync.model import ChangeEvent, ConfigRef
from config_sync.triggers.pacing import Pacing
from config_sync.triggers.stream_state import Loss, loss_of
from config_sync.workqueue import Wake


@dataclass(frozen=True, slots=True)
class PollState:
    """What the last look brought for one config. `info` is its entry; None: there is none, or no list was to be had.

    `loss`: why there was no list.
    """

    info: ConfigInfo | None = None
    loss: Loss | None = None


class _Phase(enum.Enum):
    IDLE = "nobody wants anything"
    LOOKING = "a look is under way"
    PAUSE = "the next look is due after the interval"
    HOST = "the host must come back first"
    PERSON = "a person must act first"


class Poller:
    """Looks every `every_s` seconds, ±20 %, while any config is wanted.

    `look` asks the service; it raises SyncError, or Stopped at the end. `on_state` is called at each change of a
    config's state. Both callbacks run in the event loop; they must be quick and must not raise.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Iterable[ConfigInfo]]],
        *,
        every_s: float,
        reconnect: Backoff,
        on_mark: Callable[[ConfigRef, Wake, ChangeEvent | None], None],
        on_state: Callable[[ConfigRef, PollState], None],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._look = look
        self._every_s = every_s
        self._reconnect = reconnect
        self._on_mark = on_mark
        self._on_state = on_state
        self._chance = chance
        self._clock = clock
        self._wanted: dict[str, ConfigRef] = {}
        self._seen: dict[str, ConfigInfo | None] = {}
        self._seen_at = clock.now()
        self._settling: set[str] = set()
        self._states: dict[str, PollState] = {}
        self._pacing = Pacing(reconnect, chance)
        self._told: set[str] = set()
        self._phase = _Phase.IDLE
        self._wake = asyncio.Event()
        """Ends the phase at once, whichever it is."""

    def want(self, ref: ConfigRef) -> None:
        """Tell of this config's changes from now on."""
        if not self._wanted and self._phase in (_Phase.IDLE, _Phase.PAUSE, _Phase.PERSON):
            self._wake.set()
        self._wanted.setdefault(ref.name, ref)

    def drop(self, name: str) -> None:
        """No more: something else tells of them, or nobody asks any more."""
        self._wanted.pop(name, None)
        self._seen.pop(name, None)
        self._states.pop(name, None)
        self._settling.discard(name)

    def state(self, name: str) -> PollState | None:
        """As of the last look; None where the config is not wanted, or no look has been since it is."""
        return self._states.get(name)

    def retry_now(self) -> None:
        """The credentials changed: a wait for a person ends at once, also one that the look under way may lead to.

        Nothing else does: see `Subscription.retry_now`.
        """
        if self._phase in (_Phase.LOOKING, _Phase.PERSON):
            self._wake.set()

    async def run(self) -> None:
        """Look until cancelled, or until the program stops."""
        while True:
            await self._until_wanted()
            self._phase = _Phase.LOOKING
            self._wake.clear()  # from here on the credentials are read anew
            try:
                infos = await self._look()
            except Stopped:
                return
            except SyncError as error:
                loss = loss_of(error)
                delay_s = self._failed(loss)
                self._phase = _Phase.HOST if loss.retry is Retry.BACKOFF else _Phase.PERSON
            else:
                self._succeeded({info.name: info for info in infos})
                delay_s = around(self._every_s, self._chance)
                self._phase = _Phase.PAUSE
            if self._phase is not _Phase.PERSON:
                self._wake.clear()  # new credentials would bring nothing
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._wake.wait()

    async def _until_wanted(self) -> None:
        self._phase = _Phase.IDLE  # whatever was waited for is over
        while not self._wanted:
            self._wake.clear()
            await self._wake.wait()

    def _failed(self, loss: Loss) -> float:
        delay_s = self._pacing.delay_after(loss, lived_s=0.0)
        keys = {"reason": loss.reason, "error": loss.message, "hint": loss.hint, "retry_in_s": round(delay_s, 3)}
        if loss.told_as in self._told:
            logger().debug(POLL_FAILED, **keys)
        else:
            self._told.add(loss.told_as)
            (logger().error if loss.retry is Retry.SLOW else logger().warning)(POLL_FAILED, **keys)
        for ref in tuple(self._wanted.values()):
            self._tell(ref, PollState(loss=loss))
        return delay_s

    def _succeeded(self, listed: dict[str, ConfigInfo]) -> None:
        self._pacing = Pacing(self._reconnect, self._chance)
        if self._told:
            self._told.clear()
            logger().info(POLL_RECOVERED)
        before_at, self._seen_at = self._seen_at, self._clock.now()
        for name, ref in tuple(self._wanted.items()):
            info = listed.get(name)
            wake = self._wake_of(name, info, before_at)
            self._seen[name] = info
            self._tell(ref, PollState(info))
            if wake is not None:
                self._on_mark(ref, wake, None)

    def _wake_of(self, name: str, info: ConfigInfo | None, before_at: float) -> Wake | None:
        if name not in self._seen:
            return Wake.CONNECTED
        before = self._seen[name]
        if before != info or _has_come(info, after=before_at, until=self._seen_at):
            self._settling.add(name)
            return Wake.EVENT
        if name in self._settling:
            self._settling.discard(name)
            return Wake.EVENT
        return None

    def _tell(self, ref: ConfigRef, state: PollState) -> None:
        if self._states.get(ref.name) != state:
            self._states[ref.name] = state
            self._on_state(ref, state)


def _has_come(info: ConfigInfo | None, *, after: float, until: float) -> bool:
    """Whether the config became valid in the span, by our clock; a service with another one changes `is_valid`."""
    return info is not None and after < info.valid_from.timestamp() <= until
