"""``config-sync exec -- app …``: the files are right, then the application starts; and they stay right."""

from __future__ import annotations

import argparse
import os
import random
import signal
from collections.abc import Mapping
from dataclasses import replace

from config_sync.agent.child_reload import OnChange
from config_sync.agent.running import run_agent
from config_sync.agent.supervising import RESTARTS, Program
from config_sync.agent.supervisor import Supervisor
from config_sync.cli.choosing import target_named
from config_sync.cli.loading import (
    add_settings_options,
    duration,
    require_targets,
    set_up_log,
    settings_reader,
    text,
    texts,
)
from config_sync.credentials.environment import EnvironmentSource
from config_sync.errors import FileError, UsageError
from config_sync.formats.env import EnvFormat
from config_sync.formats.env_reading import NoVariables
from config_sync.model import FileSpec, Target
from config_sync.reloads.signal_ import SIGNALS
from config_sync.settings import Settings

_RESTART = "restart"
_OURS = ("CONFIG_SERVICE_TOKEN", "CONFIG_SERVICE_KEY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC",
         "WATCHDOG_PID")  # fmt: skip
"""What the service or a service manager gave to us alone: the application has no business with it. Besides, whatever
variables the settings name for the token and the key."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which targets, what a change means for the application, and the form without a settings file."""
    parser.usage = "%(prog)s [TARGET …] [options] -- APPLICATION [ARGUMENT …]"
    parser.epilog = (
        "The application starts once every required file is there. Its exit code is ours (128 and the number of the "
        "signal that ended it; 126 and 127 where it cannot be started). TERM ends it; every other signal is passed on: "
        "for new settings there is 'config-sync reload-settings'."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="those of the settings (default: all)")
    parser.add_argument(
        "--on-change",
        metavar="restart|SIGNAL",
        help=f"what a change means for the application: a restart, or one of {', '.join(SIGNALS)} "
        "(default: a restart, but for targets that have a reload of their own)",
    )
    parser.add_argument(
        "--grace", metavar="10s", default="10s", help="between TERM and KILL, of a restart or a stop (default 10s)"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="TARGET",
        help="put the variables of the target's env files into the application's environment; where they change, it "
        "is restarted",
    )
    parser.add_argument(
        "--restart",
        choices=("never", "on-failure"),
        default="never",
        help="whether an application that fails is started again, after 1 s to 30 s (default never)",
    )
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until the application has ended. Raises ConfigSyncError."""
    early: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _frame: early.append(number))  # of the application, once it runs
    program = Program(
        _program(arguments),
        grace_s=duration(arguments, "grace"),
        restarts=RESTARTS if text(arguments, "restart") == "on-failure" else None,
    )
    around = _Around(arguments, program)
    settings = around.read_settings()
    return run_agent(settings, around.read_settings, supervisor=around.supervisor)


class _Around:
    """The settings as they are for the application, now and whenever they are read again."""

    def __init__(self, arguments: argparse.Namespace, program: Program) -> None:
        said = text(arguments, "on_change")
        self._arguments = arguments
        self._read = settings_reader(arguments, needs_service=True)
        self._chosen = texts(arguments, "targets")
        self._env_targets = texts(arguments, "env")
        self._env_files: tuple[FileSpec, ...] = ()
        self._withheld = frozenset(_OURS)
        self.supervisor = Supervisor(program, environment=self.environment, chance=random.random)
        self._on_change = OnChange(
            self.supervisor,
            program.name,
            self.environment,
            env_targets=frozenset(self._env_targets),
            signal=None if said in (None, _RESTART) else _signal(said or ""),
            is_said=said is not None,
        )

    def read_settings(self) -> Settings:
        """The targets that were named, with the application as their consumer. Raises SettingsError, UsageError."""
        settings = self._read()
        sources = (settings.service.token.source, settings.service.keys.source)
        self._withheld |= {one.name for one in sources if isinstance(one, EnvironmentSource)}
        if self._chosen:
            settings = replace(settings, targets=tuple(target_named(settings, name) for name in self._chosen))
        set_up_log(self._arguments, settings, is_brief=False)
        require_targets(settings)
        self._env_files = tuple(spec for name in self._env_targets for spec in _env_files(target_named(settings, name)))
        return replace(settings, targets=tuple(self._on_change.applied(target) for target in settings.targets))

    def environment(self) -> Mapping[str, str]:
        """Ours without what is ours alone, and the variables of the env files as they are on disk. Raises FileError."""
        found = {name: value for name, value in os.environ.items() if name not in self._withheld}
        for spec in self._env_files:
            found.update(_variables(spec))
        return found


def _program(arguments: argparse.Namespace) -> tuple[str, ...]:
    program = texts(arguments, "program")
    if not program:
        raise UsageError("no application is named", hint="it stands after --: config-sync exec -- my-app --its-option")
    return program


def _signal(given: str) -> signal.Signals:
    word = given.removeprefix("SIG")
    if word not in SIGNALS:
        raise UsageError(f"--on-change: {given!r} is neither", hint=f"restart, or one of {', '.join(SIGNALS)}")
    return SIGNALS[word]


def _env_files(target: Target) -> tuple[FileSpec, ...]:
    found = tuple(spec for spec in target.files if isinstance(spec.format, EnvFormat))
    if not found:
        raise UsageError(
            f"--env: target {target.name!r} has no file of format env",
            hint="set `format: env`, or a path that ends in .env",
        )
    return found


def _variables(spec: FileSpec) -> dict[str, str]:
    """Raises FileError."""
    assert isinstance(spec.format, EnvFormat)
    try:
        with open(spec.path, "rb") as file:
            return spec.format.variables(file.read())
    except OSError as error:
        raise FileError(
            f"{spec.path} cannot be read for the application's environment: {error.strerror}",
            hint="the file must be readable for the user that config-sync runs as",
            errno=error.errno,
            step="read",
        ) from error
    except NoVariables as error:
        raise FileError(
            f"{spec.path} cannot be the application's environment: {error}",
            hint="somebody edited it by hand: `config-sync sync` puts it right, unless on_drift leaves it",
            reason="NoVariables",
            step="read",
        ) from error
