"""A run of `once` for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.running_once import Once


@pytest.fixture
def once() -> Iterator[Once]:
    """In memory where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        Path(made).chmod(0o755)
        yield Once(Path(made))
