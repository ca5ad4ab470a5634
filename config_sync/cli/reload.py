"""``config-sync reload TARGET``: tell one target's consumer, owed or not."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir, command
from config_sync.cli.loading import text


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target."""
    parser.add_argument("target", metavar="TARGET")
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """The outcome of the reload. Raises NoAgent."""
    return command(arguments, {"command": "reload", "target": text(arguments, "target")})
