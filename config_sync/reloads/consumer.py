"""The one process that a signal is meant for: what every way of naming it owes."""

from __future__ import annotations

from typing import Protocol

from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.process import ProcessHandle


class Consumer(Protocol):
    """A way of naming one process: by its pid file, its unit, its program or its command line."""

    def describe(self) -> str:
        """For logs and status: ``the pid in /run/nginx.pid``. Never arguments."""
        ...

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle | ReloadResult:
        """The process, which the caller closes, or why it needs not be told.

        Raises:
            NotRunning: there is none.
            ReloadFailed: it cannot be said which one is meant.
            Stopped: the agent is stopping.
        """
        ...

    def took_well(self, process: ProcessHandle) -> None:
        """It was signalled and lives."""
        ...
