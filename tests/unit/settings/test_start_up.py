from __future__ import annotations

import subprocess
import sys

import pytest

import config_sync.settings

HEAVY = {"httpx", "cryptography", "jinja2", "watchfiles", "starlette", "uvicorn", "rich", "click", "jsonschema"}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_directories_alone_cost_only_the_standard_library() -> None:
    loaded = modules_after("from config_sync.settings.directories import default_runtime_dir")

    assert not loaded & {*HEAVY, "yaml", "structlog", "asyncio", "config_sync.settings.loading"}


def test_every_name_of_the_package_is_there() -> None:
    for name in config_sync.settings.__all__:
        assert getattr(config_sync.settings, name).__name__ == name


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        config_sync.settings.nonsense  # noqa: B018


def test_settings_import_nothing_that_only_some_commands_need() -> None:
    loaded = modules_after("from config_sync.settings import load")

    assert not loaded & {"httpx", "cryptography", "jinja2", "watchfiles", "starlette", "uvicorn", "jsonschema", "yaml"}
