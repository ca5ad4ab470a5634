"""``config-sync resume TARGET``: end a hold or a rollback; the newest comes at once."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir
from config_sync.cli.ordering import give, user
from config_sync.model import Resume


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target."""
    parser.add_argument("target", metavar="TARGET")
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """The outcome of the sync that follows. Raises ConfigSyncError."""
    return give(arguments, Resume(user()))
