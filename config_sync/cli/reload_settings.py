"""``config-sync reload-settings``: the agent reads its settings again; the exit code is the outcome."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir, command


def configure(parser: argparse.ArgumentParser) -> None:
    """Which agent."""
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when the new settings are in force; 3 when they are bad and the old ones stay. Raises NoAgent."""
    return command(arguments, {"command": "reload-settings"})
