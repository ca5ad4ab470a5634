"""`main` changes its process: the dispositions of two signals, and what the collector looks through."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """Put it back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGCHLD)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    gc.unfreeze()
