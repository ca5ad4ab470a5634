"""How a change is told to the application behind ``exec``: reloads that no settings name, added to its targets."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from config_sync.agent.supervisor import Supervisor
from config_sync.errors import Stopped
from config_sync.formats.env import EnvFormat
from config_sync.model import Reload, ReloadOrder, ReloadResult, StopSignal, Target
from config_sync.process import ProcessHandle
from config_sync.reloads.signal_ import SignalReload
from config_sync.stop import Stop


@dataclass(frozen=True, slots=True)
class ByChild:
    """The consumer is our own child."""

    supervisor: Supervisor
    name: str

    def describe(self) -> str:
        """``the child app``."""
        return f"the child {self.name}"

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle | ReloadResult:  # noqa: ARG002
        """See `reloads.consumer.Consumer`."""
        if self.supervisor.has_read(order.written_at) and not order.forced:
            return ReloadResult.ALREADY_CURRENT
        return self.supervisor.opened()

    def took_well(self, process: ProcessHandle) -> None:
        """Nothing to remember."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The application starts anew. `environment`: only where its variables are not those that it was started with."""

    supervisor: Supervisor
    name: str
    environment: Callable[[], Mapping[str, str]] | None = None

    @property
    def kind(self) -> str:
        """The word in logs."""
        return "restart"

    def describe(self) -> str:
        """``a restart of the child app``."""
        return f"a restart of the child {self.name}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """It runs with what is on disk now. Raises ReloadFailed, FileError, Stopped."""
        if stop.is_set():
            raise Stopped
        if not order.forced and self._is_current(order):
            return ReloadResult.ALREADY_CURRENT
        assert isinstance(stop, Stop)
        return self.supervisor.restart(stop)

    def _is_current(self, order: ReloadOrder) -> bool:
        if self.environment is None:
            return self.supervisor.has_read(order.written_at)
        known = self.supervisor.environment_of_child
        return known is not None and dict(known) == dict(self.environment())


@dataclass(frozen=True, slots=True)
class OnChange:
    """What a change of a target's files means for the application; `signal` None: a restart.

    `is_said`: it was asked for on the command line, so that it comes after a target's own reloads too; else it stands
    in for them where a target has none.
    """

    supervisor: Supervisor
    name: str
    environment: Callable[[], Mapping[str, str]]
    env_targets: frozenset[str] = frozenset()
    signal: signal.Signals | None = None
    is_said: bool = False

    def applied(self, target: Target) -> Target:
        """The target with the application as a consumer."""
        if target.name in self.env_targets:
            # Without its variables the application cannot start at all; and no signal could give it new ones.
            restart = Restart(self.supervisor, self.name, self.environment)
            # Its other files are told of as those of any target. After a restart the application has read them.
            has_others = any(not isinstance(spec.format, EnvFormat) for spec in target.files)
            told = (self._told(),) if has_others and (self.is_said or not target.reload) else ()
            return replace(target, reload=(*target.reload, restart, *told), required=True)
        if target.reload and not self.is_said:
            return target
        return replace(target, reload=(*target.reload, self._told()))

    def _told(self) -> Reload:
        if self.signal is None:
            return Restart(self.supervisor, self.name)
        return SignalReload(self.signal, ByChild(self.supervisor, self.name))
