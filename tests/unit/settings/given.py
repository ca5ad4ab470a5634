"""A settings file as a situation gives it, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from config_sync.errors import Problem, SettingsError
from config_sync.settings import Settings, load

HOST = {"CONFIG_SERVICE_HOST": "https://config.example"}

SMALLEST = """
    targets:
      my-service:
        files:
          - {path: /etc/my-service/config.yaml}
        reload: {systemd: my-service.service}
"""


def load_text(directory: Path, text: str, *, environ: Mapping[str, str] = HOST, needs_service: bool = True) -> Settings:
    """The settings of a file with this text."""
    path = directory / "settings.yaml"
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return load(str(path), environ=environ, needs_service=needs_service)


def refusal_of(directory: Path, text: str, *, environ: Mapping[str, str] = HOST) -> SettingsError:
    """How a file with this text is refused."""
    with pytest.raises(SettingsError) as caught:
        load_text(directory, text, environ=environ)
    return caught.value


def problem_of(directory: Path, text: str, *, environ: Mapping[str, str] = HOST) -> Problem:
    """The only problem of a file with this text."""
    found = refusal_of(directory, text, environ=environ).problems
    assert len(found) == 1, found
    return found[0]
