"""``config-sync rollback TARGET``: publish earlier revisions from the cache, and hold them."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir
from config_sync.cli.loading import text
from config_sync.cli.ordering import give, user
from config_sync.model import Rollback


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target, and where to."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument(
        "--to", metavar="REVISION|VERSION", help="as 'history' has it, 4 characters will do; else what was before"
    )
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 once it is on disk and the consumer was told. Raises ConfigSyncError."""
    return give(arguments, Rollback(text(arguments, "to"), user()))
