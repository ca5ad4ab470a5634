"""A world for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.reconciler.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """In memory where there is such a place: a fsync proves nothing here."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        directory = Path(made)
        directory.chmod(0o755)
        yield World(directory)
