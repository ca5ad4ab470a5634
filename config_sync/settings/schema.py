"""The JSON Schema of a settings file, for editors and ``config-sync schema``."""

from __future__ import annotations

from config_sync.fields import JsonSchema
from config_sync.settings.root import ROOT
from config_sync.settings.section import mapping_schema


def json_schema() -> JsonSchema:
    """What a settings file may hold, as JSON Schema 2020-12. Keys of later versions are left out."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config-sync settings",
        "description": "What config-sync keeps in sync: the Config Service, the agent, and the targets.",
        **mapping_schema(ROOT),
    }
