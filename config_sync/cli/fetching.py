"""Fetches of a command typed by a person: tried again for a short while, and said so."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from config_sync.backoff import Delays
from config_sync.cli.output import say
from config_sync.errors import ServiceUnavailable
from config_sync.settings import ServiceSettings
from config_sync.stop import Stop

T = TypeVar("T")

RETRY_FOR_S = 10.0
"""As long as somebody at a terminal watches without wondering; `once` has 30 s and an option."""


def with_retries(fetch: Callable[[], T], service: ServiceSettings, stop: Stop) -> T:
    """The result of `fetch`, tried again after the delays of ``service.retry`` while the service is unavailable.

    Raises:
        ServiceUnavailable: the last one, where no further try fits into `RETRY_FOR_S`.
        Stopped: `stop` was set during a wait.
    """
    deadline = time.monotonic() + RETRY_FOR_S
    delays = Delays(service.retry, random.random)
    while True:
        try:
            return fetch()
        except ServiceUnavailable as error:
            delay_s = delays.next(error.retry_after_s)
            if time.monotonic() + delay_s > deadline:
                raise
            say(f"config-sync: {error.message}; trying again in {delay_s:.1f} s")
        stop.wait(delay_s)
        stop.check()
