"""``config-sync health``: 0 or 1 for exec probes. Standard library only, no settings."""

from __future__ import annotations

import argparse

from config_sync.cli.asking import ask, code_of, runtime_dir_of
from config_sync.cli.output import say
from config_sync.errors import Exit, NoAgent

PATIENCE_S = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Which question, and where the agent is."""
    parser.add_argument("kind", nargs="?", default="live", choices=("live", "ready", "startup"))
    parser.add_argument("--runtime-dir", metavar="D", help="else $CONFIG_SYNC_RUNTIME_DIR, else the default")


def run(arguments: argparse.Namespace) -> int:
    """0 or 1, with the reason on stderr for 1."""
    given: object = arguments.runtime_dir
    kind: object = arguments.kind
    runtime_dir = runtime_dir_of(given if isinstance(given, str) else None)
    try:
        answer = ask(runtime_dir, {"command": "health", "kind": str(kind)}, timeout_s=PATIENCE_S)
    except NoAgent as error:
        say(f"config-sync: {error.message}")
        return Exit.DIFFERS
    code = code_of(answer)
    if code:
        say(f"config-sync: {answer.get('message')}")
    return code
