"""Places for the proofs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.writing.syscalls import Lab, opened_lab


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user can enter, on the machine's own disk."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One for all tests under strace. In memory where there is such a place: what is proven there is order and ends."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        Path(made).chmod(0o755)
        with opened_lab(Path(made)) as opened:
            yield opened
