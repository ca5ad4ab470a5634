"""The argument parser of one command. Apart from the table, since ``--help`` and ``--version`` need no argparse."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NoReturn, Protocol, cast

from config_sync.cli import Command
from config_sync.errors import UsageError

_COLUMNS = 80
"""Of a line of help where nothing else is known, as argparse has it."""


class CommandModule(Protocol):
    """What a sub-command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code. Raises ConfigSyncError."""
        ...


class Parser(argparse.ArgumentParser):
    """Argparse whose errors are ours: one sentence, one hint, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(message, hint=f"see '{self.prog} --help'")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Knows its width. Argparse makes one for every argument added, and to ask for the width imports shutil (3 ms)."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """The terminal's width: $COLUMNS, else what the terminal says, else 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if sys.__stdout__ is None:
        return _COLUMNS
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _COLUMNS
    except (OSError, ValueError):  # no terminal, or closed
        return _COLUMNS


def parser_for(command: Command) -> Parser:
    """The parser of one command; imports its module and no other."""
    parser = Parser(
        prog=f"config-sync {command.name}",
        description=command.summary[0].upper() + command.summary[1:] + ".",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    module_of(command).configure(parser)
    add_everywhere(parser.add_argument_group("everywhere"))  # type: ignore[arg-type]  # a group takes arguments too
    return parser


def add_everywhere(parser: argparse.ArgumentParser) -> None:
    """The options that every command takes, before or after its name."""
    parser.add_argument("--config", metavar="FILE", help="the settings file")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="what goes to stderr")


def module_of(command: Command) -> CommandModule:
    """The command's module, imported now."""
    return cast("CommandModule", importlib.import_module(f"config_sync.cli.{command.module}"))
