"""``config-sync hold TARGET``: what is on disk stays as it is, hand edits included."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir
from config_sync.cli.loading import duration, text
from config_sync.cli.ordering import give, user
from config_sync.errors import UsageError
from config_sync.model import Hold


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target, for how long, and why."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--for", metavar="1h", help="else until 'config-sync resume TARGET'")
    parser.add_argument("--reason", metavar="TEXT", help="for whoever reads 'config-sync status' next")
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 once it is held. Raises ConfigSyncError."""
    for_s = duration(arguments, "for") if text(arguments, "for") is not None else None
    if for_s == 0:
        raise UsageError("--for 0s holds nothing", hint="such as --for 1h")
    reason = text(arguments, "reason")
    if reason is not None and not reason.isprintable():
        raise UsageError("--reason is one line of text")
    return give(arguments, Hold(for_s, reason, user()))
