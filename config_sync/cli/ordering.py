"""What `hold`, `resume` and `rollback` share: the running agent does it, or this process where none runs."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pwd
from collections.abc import Mapping

from config_sync.cli.asking import ask
from config_sync.cli.commanding import runtime_dir, show
from config_sync.cli.loading import text
from config_sync.errors import NoAgent
from config_sync.model import Hold, Order, Resume, Rollback

_COMMANDS: Mapping[type[Order], str] = {Hold: "hold", Resume: "resume", Rollback: "rollback"}


def give(arguments: argparse.Namespace, order: Order) -> int:
    """Have it done; the exit code.

    Raises:
        StateLocked: no agent answers, but somebody holds the state directory.
        UsageError, SyncError: it cannot be done.
    """
    target = text(arguments, "target") or ""
    request = {"command": _COMMANDS[type(order)], "target": target, **dataclasses.asdict(order)}
    try:
        answer = ask(runtime_dir(arguments), request, timeout_s=None)
    except NoAgent as error:
        if not error.is_absent:
            raise
        from config_sync.cli.alone import obey  # only here: it brings all that writes files

        return obey(arguments, target, order)
    return show(answer)


def user() -> str | None:
    """Whose order it is, for the status and the log."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
