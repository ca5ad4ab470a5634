"""``config-sync sync``: ask the running agent to look at targets now."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir, command
from config_sync.cli.loading import flag, texts


def configure(parser: argparse.ArgumentParser) -> None:
    """Which targets, and whether to wait."""
    parser.add_argument("target", nargs="*", metavar="TARGET", help="else all")
    parser.add_argument("--wait", action="store_true", help="until it is done; the exit code is the outcome")
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """The outcome with ``--wait``, else 0 as soon as the agent knows. Raises NoAgent."""
    request = {"command": "sync", "targets": list(texts(arguments, "target")), "wait": flag(arguments, "wait")}
    return command(arguments, request)
