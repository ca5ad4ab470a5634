"""The argument parser of one command. Apart from the table, since ``--help`` and ``--version`` need no argparse."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from config_sync.cli import Command
from config_sync.cli.output import put
from config_sync.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Namespace = argparse.Namespace

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

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:  # noqa: ARG002  # help goes to stdout only
        """As any result of a command."""
        put(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        hint = f"see '{self.prog} --help'"
        _, is_unknown, words = message.partition("unrecognized arguments: ")
        if is_unknown:
            from config_sync.fields import nearest  # only here: it brings difflib and the settings' reader

            message = f"{self.prog} does not take {words}"
            known = tuple(one for one in self._option_string_actions if one.startswith("--"))
            near = nearest(words.split()[0].partition("=")[0], known) if words.startswith("-") else None
            hint = f"did you mean {near}?" if near else hint
        raise UsageError(message, hint=hint)


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
    _imported(command).configure(parser)
    add_everywhere(parser.add_argument_group("everywhere"))  # type: ignore[arg-type]  # a group takes arguments too
    return parser


def add_everywhere(parser: argparse.ArgumentParser) -> None:
    """The options that every command takes, before or after its name."""
    parser.add_argument("--config", metavar="FILE", help="the settings file")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="what goes to stderr")


def _imported(command: Command) -> CommandModule:
    """The module, imported without what imports do in vain.

    The garbage collector would search again and again what they leave. And structlog and httpcore try whether rich and
    trio happen to be installed: 57 and 80 ms, for a traceback nobody prints and an event loop nobody runs here.
    """
    unwanted = [name for name in ("rich", "trio") if name not in sys.modules]
    gc.disable()
    try:
        for name in unwanted:
            sys.modules[name] = None  # type: ignore[assignment]  # forbids the import (library reference, sys.modules)
        return module_of(command)
    finally:
        for name in unwanted:
            sys.modules.pop(name, None)
        gc.freeze()  # none of it ever becomes garbage: the last collection, at exit, need not look through it either
        gc.enable()


def module_of(command: Command) -> CommandModule:
    """The command's module, imported now."""
    return cast("CommandModule", importlib.import_module(f"config_sync.cli.{command.module}"))
