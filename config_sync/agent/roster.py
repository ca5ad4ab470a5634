"""The subscriptions of the agent: one per config, however many targets use it; changed as the settings change.

``service.watch`` says whether they are streams, looks at the list of configs, or the one where the other fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from config_sync.agent.looking import Look
from config_sync.client.streams import Streams
from config_sync.clock import Clock
from config_sync.log import POLL_STARTED, logger
from config_sync.model import ChangeEvent, ConfigName, ConfigRef, Target
from config_sync.settings import ServiceSettings
from config_sync.triggers.fallback import Fallback
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.standing import Standing
from config_sync.triggers.stream_state import StreamState
from config_sync.triggers.subscription import Subscription
from config_sync.workqueue import Wake


class Roster:
    """Starts, stops and nudges subscriptions. Everything here runs in the event loop."""

    def __init__(
        self,
        *,
        on_mark: Callable[[ConfigRef, Wake, ChangeEvent | None], None],
        on_standing: Callable[[ConfigRef, Standing], None],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._on_mark = on_mark
        self._on_standing = on_standing
        self._chance = chance
        self._clock = clock
        self._running: dict[str, tuple[Subscription, asyncio.Task[None]]] = {}
        self._polled: set[str] = set()
        self._needed: frozenset[str] = frozenset()
        """The configs that a target cannot do without."""
        self._fallback: Fallback | None = None
        self._polling: asyncio.Task[None] | None = None
        self._from: tuple[Streams, ServiceSettings] | None = None
        self._gate = ConnectGate()

    def follow(
        self,
        targets: Iterable[Target],
        streams: Streams,
        look: Look,
        *,
        service: ServiceSettings,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Watch every config that a target uses unpinned, and no other; all anew where the service is another one.

        `look` asks the service of `streams` for its list.
        """
        if self._fallback is None or self._from != (streams, service):
            self.stop()
            self._from = (streams, service)
            self._gate = ConnectGate()
            self._fallback = Fallback(
                look,
                may_poll=service.watch != "stream",
                every_s=service.poll_interval_s,
                reconnect=service.reconnect,
                on_mark=self._on_mark,
                on_standing=self._on_standing,
                chance=self._chance,
                clock=self._clock,
            )
            self._polling = tasks.create_task(self._fallback.poller.run(), name="the list")
        targets = tuple(targets)
        wanted = {ref.name: ref for target in targets for ref in target.configs if ref.version is None}
        self._needed = frozenset(
            ref.name
            for target in targets
            for ref in target.configs
            if ref.version is None and ref not in target.optional
        )
        for name in {*self._running, *self._polled} - set(wanted):
            self._leave(name, self._fallback)
        if service.watch == "poll":
            self._poll(wanted, self._fallback, service)
            return
        for name, ref in wanted.items():
            if name not in self._running:
                self._watch(ref, streams, self._fallback, service, tasks)

    def _watch(
        self,
        ref: ConfigRef,
        streams: Streams,
        fallback: Fallback,
        service: ServiceSettings,
        tasks: asyncio.TaskGroup,
    ) -> None:
        subscription = Subscription(
            ref,
            streams,
            idle_timeout_s=service.idle_timeout_s,
            reconnect=service.reconnect,
            on_mark=self._on_mark,
            on_state=fallback.stream_said,
            gate=self._gate,
            chance=self._chance,
            clock=self._clock,
            on_heard=fallback.stream_heard,
            is_replaced=fallback.is_replaced if service.watch == "auto" else None,
            may_be_absent=lambda one: one.name not in self._needed,
        )
        self._running[ref.name] = (subscription, tasks.create_task(subscription.run(), name=f"stream {ref.name}"))

    def _poll(self, wanted: Mapping[ConfigName, ConfigRef], fallback: Fallback, service: ServiceSettings) -> None:
        if wanted and not self._polled:
            logger().info(POLL_STARTED, configs=len(wanted), every_s=service.poll_interval_s)
        for name, ref in wanted.items():
            if name not in self._polled:
                self._polled.add(name)
                fallback.poll_only(ref)

    def _leave(self, name: str, fallback: Fallback) -> None:
        self._polled.discard(name)
        if name in self._running:
            self._running.pop(name)[1].cancel()
        fallback.forget(name)

    def retry_now(self) -> None:
        """The credentials changed: what waits for a person is tried at once."""
        for subscription, _task in self._running.values():
            subscription.retry_now()
        if self._fallback is not None:
            self._fallback.poller.retry_now()

    def states(self) -> dict[str, StreamState]:
        """Every subscription's state, by config."""
        return {name: subscription.state for name, (subscription, _task) in self._running.items()}

    def stop(self) -> None:
        """End them all."""
        for _subscription, task in self._running.values():
            task.cancel()
        self._running.clear()
        self._polled.clear()
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
        self._fallback = None  # whoever follows again begins anew
