"""Places for the writer's tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.files.world import OLD


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter (pytest's own are closed to others)."""
    # In memory where there is such a place: thousands of fsyncs prove nothing here. tests/system has the real disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        directory = Path(made)
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def old(place: Path) -> Path:
    """A destination with old content, mode 0640."""
    path = place / "app.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path
