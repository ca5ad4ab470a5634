"""The files on this machine whose changes wake the agent: its credentials, and what it has written.

They are two watches, so that neither is disturbed when the other has something else to look at; and a set that has
other files than before changes what is watched without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from config_sync.settings import ServiceSettings
from config_sync.triggers.watching import Paths


class Watch(Protocol):
    """Tells of files that changed, until cancelled (`triggers.watching.watch_files`)."""

    async def __call__(self, paths: Paths, on_change: Callable[[frozenset[str]], None], /) -> None:
        """`on_change` gets those that differ from before, in the event loop."""
        ...


class Watches:
    """Runs both; everything here happens in the event loop. The callbacks are quick and do not raise."""

    def __init__(
        self,
        watch: Watch,
        *,
        on_credentials: Callable[[frozenset[str]], None],
        on_outputs: Callable[[frozenset[str]], None],
    ) -> None:
        self._watch = watch
        self._on_credentials = on_credentials
        self._on_outputs = on_outputs
        self._credentials = Paths()
        self._outputs = Paths()
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, service: ServiceSettings, outputs: Iterable[str], *, tasks: asyncio.TaskGroup) -> None:
        """Watch what these settings name, from now on."""
        self._credentials.put(credential_paths(service))
        self._outputs.put(outputs)
        if not self._tasks:
            self._tasks = [
                tasks.create_task(self._watch(self._credentials, self._on_credentials), name="watch credentials"),
                tasks.create_task(self._watch(self._outputs, self._on_outputs), name="watch outputs"),
            ]

    def follow_outputs(self, outputs: Iterable[str]) -> None:
        """The targets have these files now; what is new among them is told, as if it had changed."""
        self._outputs.put(outputs)

    def stop(self) -> None:
        """End both."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []


def credential_paths(service: ServiceSettings) -> list[str]:
    """The files that hold what we show of ourselves, and whom we trust."""
    pair = service.client_cert
    of_tls = () if pair is None else (pair.cert_file, pair.key_file)
    named = (service.token.watch_path(), service.keys.watch_path(), service.ca_file, *of_tls)
    return [path for path in named if path is not None]
