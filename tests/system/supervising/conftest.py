"""What the tests of ``exec`` share."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    """One target with one file, and no reload of its own."""
    write_config(configs, "app", {"a": 1})
    home = home_at(tmp_path / "h", config_service.url)
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.json}}]}}}}\n")
    return home
