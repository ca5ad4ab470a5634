"""``config-sync schema``: the JSON Schema of the settings, for editors."""

from __future__ import annotations

import argparse
import json

from config_sync.cli.output import put
from config_sync.errors import Exit
from config_sync.settings import json_schema


def configure(parser: argparse.ArgumentParser) -> None:
    """Nothing to choose."""
    parser.epilog = "In an editor: # yaml-language-server: $schema=PATH on the settings' first line."


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command has this signature
    """Print it."""
    put(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return Exit.DONE
