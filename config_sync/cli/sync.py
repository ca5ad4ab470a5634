"""``config-sync sync``: ask the running agent to look at targets now, or whether a version has arrived."""

from __future__ import annotations

import argparse

from config_sync.cli.commanding import add_runtime_dir, command
from config_sync.cli.loading import duration, flag, text, texts
from config_sync.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Which targets, and what to wait for."""
    parser.add_argument("target", nargs="*", metavar="TARGET", help="else all")
    parser.add_argument("--wait", action="store_true", help="until it is done; the exit code is the outcome")
    parser.add_argument(
        "--version", metavar="N", help="with --wait: until this version or a newer one is on disk and reloaded"
    )
    parser.add_argument("--timeout", metavar="5m", help="with --version: for how long to wait (default 5m)")
    add_runtime_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """The outcome with ``--wait``, else 0 as soon as the agent knows. Raises NoAgent, UsageError."""
    request: dict[str, object] = {
        "command": "sync",
        "targets": list(texts(arguments, "target")),
        "wait": flag(arguments, "wait"),
    }
    version, timeout = text(arguments, "version"), text(arguments, "timeout")
    if version is not None:
        if not flag(arguments, "wait"):
            raise UsageError("--version goes with --wait", hint="config-sync sync TARGET --wait --version N")
        if not (version.isascii() and version.isdecimal() and len(version) <= 15 and int(version) > 0):
            raise UsageError(f"--version {version:.20}: a version is a whole number from 1, of at most 15 digits")
        if not texts(arguments, "target"):
            raise UsageError("--version goes with a TARGET", hint="config-sync sync TARGET --wait --version N")
        # A word of its own: an agent from before it says that it does not know it, and not that it is done.
        request = {"command": "await-version", "targets": list(texts(arguments, "target")), "version": int(version)}
    if timeout is not None:
        if version is None:
            raise UsageError("--timeout goes with --version", hint="config-sync sync TARGET --wait --version N")
        request["timeout_s"] = duration(arguments, "timeout")
    return command(arguments, request)
