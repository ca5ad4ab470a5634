"""The subscriptions of the agent: one per config, however many targets use it; changed as the settings change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from config_sync.client.streams import Streams
from config_sync.clock import Clock
from config_sync.model import ChangeEvent, ConfigRef, Target
from config_sync.settings import ServiceSettings
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.stream_state import StreamState
from config_sync.triggers.subscription import Subscription
from config_sync.workqueue import Wake


class Roster:
    """Starts, stops and nudges subscriptions. Everything here runs in the event loop."""

    def __init__(
        self,
        *,
        on_mark: Callable[[ConfigRef, Wake, ChangeEvent | None], None],
        on_state: Callable[[ConfigRef, StreamState], None],
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._on_mark = on_mark
        self._on_state = on_state
        self._chance = chance
        self._clock = clock
        self._running: dict[str, tuple[Subscription, asyncio.Task[None]]] = {}
        self._from: tuple[Streams, ServiceSettings] | None = None
        self._gate = ConnectGate()

    def follow(
        self, targets: Iterable[Target], streams: Streams, service: ServiceSettings, tasks: asyncio.TaskGroup
    ) -> None:
        """Watch every config that a target uses unpinned, and no other; all anew where the service is another one."""
        if self._from != (streams, service):
            self.stop()
            self._from = (streams, service)
            self._gate = ConnectGate()
        wanted = {ref.name: ref for target in targets for ref in target.configs if ref.version is None}
        for name in set(self._running) - set(wanted):
            self._running.pop(name)[1].cancel()
        for name, ref in wanted.items():
            if name not in self._running:
                subscription = Subscription(
                    ref,
                    streams,
                    idle_timeout_s=service.idle_timeout_s,
                    reconnect=service.reconnect,
                    on_mark=self._on_mark,
                    on_state=self._on_state,
                    gate=self._gate,
                    chance=self._chance,
                    clock=self._clock,
                )
                self._running[name] = (subscription, tasks.create_task(subscription.run(), name=f"stream {name}"))

    def retry_now(self) -> None:
        """The credentials changed: streams that wait for a person try at once."""
        for subscription, _task in self._running.values():
            subscription.retry_now()

    def states(self) -> dict[str, StreamState]:
        """Every subscription's state, by config."""
        return {name: subscription.state for name, (subscription, _task) in self._running.items()}

    def stop(self) -> None:
        """End them all."""
        for _subscription, task in self._running.values():
            task.cancel()
        self._running.clear()
