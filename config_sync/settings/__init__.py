"""The agent's own settings: found, read, validated in one go, and described for people and editors.

One set of declarative tables (`service`, `agent`, `file`, `target`, `checker`, `reload`, and those of formats, reloads
and credentials) feeds validation, defaults, the reference and the JSON Schema. The way of a file: `text` reads it,
`reader` makes nodes with places of it, `variables` replaces ``${NAME}``, `loading` walks the tables and builds
`Settings`.

The names come when they are first used (PEP 562): ``health`` asks `directories` alone, and must not pay for the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config_sync.settings.arguments import Arguments, from_arguments
    from config_sync.settings.directories import default_runtime_dir, default_state_dir
    from config_sync.settings.discovery import find_settings
    from config_sync.settings.documentation import reference
    from config_sync.settings.loading import load
    from config_sync.settings.schema import json_schema
    from config_sync.settings.values import AgentSettings, ServiceSettings, Settings

__all__ = [
    "AgentSettings",
    "Arguments",
    "ServiceSettings",
    "Settings",
    "default_runtime_dir",
    "default_state_dir",
    "find_settings",
    "from_arguments",
    "json_schema",
    "load",
    "reference",
]

_MODULES = {
    "Arguments": "arguments",
    "from_arguments": "arguments",
    "default_runtime_dir": "directories",
    "default_state_dir": "directories",
    "find_settings": "discovery",
    "reference": "documentation",
    "load": "loading",
    "json_schema": "schema",
    "AgentSettings": "values",
    "ServiceSettings": "values",
    "Settings": "values",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
