"""Streams where they are to be had, the list where not (``service.watch``): decided for each config by itself.

With `auto` every config has a stream. Where one says that it is not to be had (`standing.is_streamless`), the list is
looked at *beside* it: the stream is asked for again all the same, seldom where it was refused, and its first byte ends
the polling. So a server without keep-alives, which looks like a proxy that buffers, still tells of changes at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from config_sync.backoff import Backoff
from config_sync.client import ConfigInfo
from config_sync.clock import Clock
from config_sync.log import POLL_ENDED, POLL_STARTED, logger
from config_sync.model import ChangeEvent, ConfigRef
from config_sync.triggers.polling import Poller, PollState
from config_sync.triggers.standing import Standing, is_replacing, is_streamless, standing
from config_sync.triggers.stream_state import StreamState, StreamWord
from config_sync.workqueue import Wake


class Fallback:
    """Stands between the subscriptions, the poller and the agent, which hears of one `Standing` for each config.

    `may_poll` False (``watch: stream``): streams only. `on_standing` must be quick and must not raise; the rest is as
    for `Poller`. Whoever makes one runs its `poller`.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Iterable[ConfigInfo]]],
        *,
        may_poll: bool,
        every_s: float,
        reconnect: Backoff,
        on_mark: Callable[[ConfigRef, Wake, ChangeEvent | None], None],
        on_standing: Callable[[ConfigRef, Standing], None],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._may_poll = may_poll
        self._every_s = every_s
        self._on_standing = on_standing
        self._clock = clock
        self.poller = Poller(
            look,
            every_s=every_s,
            reconnect=reconnect,
            on_mark=on_mark,
            on_state=self._poll_said,
            chance=chance,
            clock=clock,
        )
        self._streams: dict[str, StreamState] = {}
        self._polled: set[str] = set()
        self._untold: dict[str, str | None] = {}
        """Configs that began to be polled, with the reason, until the list has them: then it is told."""
        self._told: set[str] = set()

    def poll_only(self, ref: ConfigRef) -> None:
        """``watch: poll``: this config has no stream."""
        self._begin(ref)
        self._tell(ref)

    def forget(self, name: str) -> None:
        """Nobody asks for the config any more."""
        self._streams.pop(name, None)
        self._polled.discard(name)
        self._told.discard(name)
        self._untold.pop(name, None)
        self.poller.drop(name)

    def is_replaced(self, ref: ConfigRef) -> bool:
        """Whether the list tells of the config."""
        return ref.name in self._polled and is_replacing(self.poller.state(ref.name))

    def stream_said(self, ref: ConfigRef, state: StreamState) -> None:
        """A subscription's state changed."""
        self._streams[ref.name] = state
        is_lost = state.word is StreamWord.LOST
        if self._may_poll and is_lost and ref.name not in self._polled and is_streamless(state):
            self._untold[ref.name] = state.reason
            self._begin(ref)
        self._tell(ref)

    def stream_heard(self, ref: ConfigRef) -> None:
        """A stream brought a byte: it works."""
        if ref.name not in self._polled:
            return
        self._polled.discard(ref.name)
        self.poller.drop(ref.name)
        if ref.name in self._untold:
            del self._untold[ref.name]
        else:
            logger().info(POLL_ENDED, config=ref.name)
        self._tell(ref)

    def _poll_said(self, ref: ConfigRef, state: PollState) -> None:
        if state.info is not None and ref.name in self._untold:  # a config that is nowhere is not polled in truth
            # A server without keep-alives comes here after each event: told once.
            line = logger().debug if ref.name in self._told else logger().warning
            self._told.add(ref.name)
            line(POLL_STARTED, config=ref.name, reason=self._untold.pop(ref.name), every_s=self._every_s)
        self._tell(ref)

    def _begin(self, ref: ConfigRef) -> None:
        self._polled.add(ref.name)
        self.poller.want(ref)

    def _tell(self, ref: ConfigRef) -> None:
        name = ref.name
        self._on_standing(
            ref,
            standing(
                self._streams.get(name),
                self.poller.state(name),
                is_polled=name in self._polled,
                every_s=self._every_s,
                now=self._clock.now(),
            ),
        )
