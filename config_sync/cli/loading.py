"""Settings for a command: from a file, or from the options of the form without one; and the log set up by them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO, cast

from config_sync import log
from config_sync.cli.output import SteadyStream
from config_sync.errors import SettingsError, UsageError
from config_sync.fields import Invalid, Place, Problems, ScalarNode
from config_sync.kinds import Duration
from config_sync.settings import Arguments, Settings, find_settings, from_arguments, load


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """The form without a settings file: one target for each ``--file``."""
    group = parser.add_argument_group("without a settings file")
    group.add_argument("--file", action="append", default=[], metavar="NAME=PATH", help="write config NAME to PATH")
    group.add_argument("--environment", metavar="E", help="the environment of every config")
    group.add_argument("--format", metavar="F", help="json, yaml or env; else by the file's suffix")
    group.add_argument("--mode", metavar="M", help="the files' mode (default 0640)")
    group.add_argument("--group", metavar="G", help="the files' group")
    group.add_argument("--ca-file", metavar="F", help="a private CA")
    group.add_argument("--allow-insecure", action="store_true", help="plain http beyond this machine")
    group.add_argument("--signal", metavar="SIG", help="send this signal after a change (with --pidfile)")
    group.add_argument("--pidfile", metavar="P", help="where the consumer's pid is")
    group.add_argument("--systemd", metavar="UNIT", help="reload this unit after a change")
    group.add_argument("--hook", metavar="CMD", help="run this shell command after a change")


def options(arguments: argparse.Namespace) -> Mapping[str, object]:
    """The parsed options, to be narrowed where they are used."""
    return vars(arguments)


def text(arguments: argparse.Namespace, name: str) -> str | None:
    """One option that is a text, or None where it was not given."""
    value = options(arguments).get(name)
    return value if isinstance(value, str) else None


def flag(arguments: argparse.Namespace, name: str) -> bool:
    """Whether a switch was given."""
    return options(arguments).get(name) is True


def texts(arguments: argparse.Namespace, name: str) -> tuple[str, ...]:
    """An option that may stand several times."""
    value = options(arguments).get(name)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def duration(arguments: argparse.Namespace, name: str) -> float:
    """An option that is a time such as ``30s``, in seconds. Raises UsageError."""
    given, problems = text(arguments, name) or "", Problems()
    option = "--" + name.replace("_", "-")
    try:
        return Duration().parse(ScalarNode(Place(option), given), problems)
    except Invalid as error:
        raise UsageError(f"{option}: {problems.errors[0].message}", hint=f"such as {option} 30s") from error


def settings_reader(arguments: argparse.Namespace, *, needs_service: bool) -> Callable[[], Settings]:
    """A function that reads the settings, now and each time they may have changed.

    Raises:
        UsageError: both forms at once.
    """
    explicit = text(arguments, "config")
    if not texts(arguments, "file"):
        _refuse_orphans(arguments)
        path = find_settings(explicit, os.environ)
        return lambda: load(path, environ=os.environ, needs_service=needs_service)
    if explicit is not None:
        raise UsageError("--file and --config exclude each other", hint="put the file into the settings")
    given = Arguments(
        cwd=os.getcwd(),
        files=texts(arguments, "file"),
        environment=text(arguments, "environment"),
        format=text(arguments, "format"),
        mode=text(arguments, "mode"),
        group=text(arguments, "group"),
        ca_file=text(arguments, "ca_file"),
        allow_insecure=flag(arguments, "allow_insecure"),
        signal=text(arguments, "signal"),
        pidfile=text(arguments, "pidfile"),
        systemd=text(arguments, "systemd"),
        hook=text(arguments, "hook"),
    )
    return lambda: from_arguments(given, environ=os.environ, needs_service=needs_service)


def _refuse_orphans(arguments: argparse.Namespace) -> None:
    names = ("environment", "format", "mode", "group", "ca_file", "signal", "pidfile", "systemd", "hook")
    given = [f"--{name.replace('_', '-')}" for name in names if text(arguments, name) is not None]
    given += ["--allow-insecure"] if flag(arguments, "allow_insecure") else []
    if given:
        raise UsageError(f"{given[0]} goes with --file NAME=PATH", hint="with a settings file, write it there")


def service_settings(arguments: argparse.Namespace) -> Settings:
    """For commands that only talk to the service: the settings file if there is one, else the environment alone."""
    explicit = text(arguments, "config") or os.environ.get("CONFIG_SYNC_CONFIG")
    default = "/etc/config-sync/settings.yaml"
    if explicit or os.access(default, os.R_OK):
        path = find_settings(explicit, os.environ)
        settings = load(path, environ=os.environ, needs_service=True)
    else:
        given = Arguments(cwd=os.getcwd(), allow_insecure=flag(arguments, "allow_insecure"))
        settings = from_arguments(given, environ=os.environ, needs_service=True)
    log.set_up(level=text(arguments, "log_level") or "warning", form="auto", stream=_steady_stderr(), is_brief=True)
    return settings


def require_targets(settings: Settings) -> None:
    """Raises SettingsError where there is nothing to do: a run that quietly keeps nothing right would look healthy."""
    if not settings.targets:
        raise SettingsError(
            "the settings name no targets",
            hint="add one under 'targets:', or use --file NAME=PATH; config-sync check --config FILE looks them over",
        )


def set_up_log(arguments: argparse.Namespace, settings: Settings, *, is_brief: bool = True) -> None:
    """As the settings say, unless ``--log-level`` says otherwise. `is_brief`: see `config_sync.log.set_up`."""
    level = text(arguments, "log_level") or settings.agent.log_level
    log.set_up(level=level, form=settings.agent.log_format, stream=_steady_stderr(), is_brief=is_brief)


def _steady_stderr() -> TextIO:
    return cast("TextIO", SteadyStream(sys.stderr))  # it has all that a logger calls
