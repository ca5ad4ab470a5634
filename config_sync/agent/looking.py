"""A look at the list of configs from the event loop: the call blocks, so it is made in a thread of the workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from config_sync.agent.workers import Workers
from config_sync.client import ConfigInfo, Service
from config_sync.stop import Stop

Look = Callable[[], Awaitable[tuple[ConfigInfo, ...]]]


def looker(service: Service, workers: Workers, stop: Stop) -> Look:
    """A function that asks `service` for its list. It raises what the service does, and Stopped."""

    async def look() -> tuple[ConfigInfo, ...]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[ConfigInfo, ...]] = loop.create_future()

        def settle(found: tuple[ConfigInfo, ...] | Exception) -> None:
            if answered.done():  # whoever asked was cancelled
                return
            if isinstance(found, Exception):
                answered.set_exception(found)
            else:
                answered.set_result(found)

        def job() -> None:
            found: tuple[ConfigInfo, ...] | Exception
            try:
                found = service.list(stop)
            except Exception as error:  # noqa: BLE001  # handed over, to be raised where it is awaited
                found = error
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, found)

        # Beside the passes, if need be beyond their limit: it is one, and bounded by the request timeout.
        workers.start("the list", job)
        return await answered

    return look
