"""What the commands share that ask the running agent: where the agent is, and how its answer is told."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Mapping

from config_sync.cli.asking import ask, code_of, runtime_dir_of
from config_sync.cli.loading import text
from config_sync.cli.output import put, say
from config_sync.errors import SettingsError
from config_sync.settings import load


def add_runtime_dir(parser: argparse.ArgumentParser) -> None:
    """Which agent."""
    parser.add_argument("--runtime-dir", metavar="D", help="the agent's runtime directory (else as the settings say)")


def command(arguments: argparse.Namespace, request: Mapping[str, object]) -> int:
    """Ask, tell the answer, and return its exit code. Raises NoAgent, SettingsError."""
    return show(ask(runtime_dir(arguments), request, timeout_s=None))


def show(answer: Mapping[str, object]) -> int:
    """Tell an agent's answer, and return its exit code."""
    code = code_of(answer)
    targets = answer.get("targets")
    lines = [
        _line(one) if isinstance(one, dict) else str(one) for one in (targets if isinstance(targets, list) else ())
    ]
    lines = lines or [f"config-sync: {answer.get('message')}"]
    if isinstance(hint := answer.get("hint"), str):
        lines.append(f"  hint: {hint}")
    if code == 0:
        put("\n".join([*lines, ""]))
    else:
        say(*lines)
    return code


def _line(told: Mapping[str, object]) -> str:
    line = f"{told.get('name')}: {told.get('result')} ({told.get('reason')})"
    if told.get("reload"):
        line += f", {told.get('reload')}"
    if told.get("error"):
        line += f": {told.get('error')}"
    if told.get("hint"):
        line += f"\n  hint: {told.get('hint')}"
    return line


def runtime_dir(arguments: argparse.Namespace) -> str:
    """Where the agent is: as given, as the settings say, or the default."""
    given = text(arguments, "runtime_dir")
    explicit = text(arguments, "config") or os.environ.get("CONFIG_SYNC_CONFIG")
    if given is None and explicit:
        return load(explicit, environ=os.environ, needs_service=False).agent.runtime_dir
    if given is None and "CONFIG_SYNC_RUNTIME_DIR" not in os.environ:
        default = "/etc/config-sync/settings.yaml"
        if os.access(default, os.R_OK):
            # Settings that were broken just now must not keep an operator from the agent that still runs.
            with contextlib.suppress(SettingsError):
                return load(default, environ=os.environ, needs_service=False).agent.runtime_dir
    return runtime_dir_of(given)
