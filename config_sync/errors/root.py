"""The root of the tree, and the errors that are not about one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from config_sync.errors.exits import Exit, Retry
from config_sync.errors.problem import Problem


class ConfigSyncError(Exception):
    """An error that is told to a person as one clear sentence and, where there is one, a hint."""

    exit_code: ClassVar[Exit] = Exit.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ConfigSyncError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = Exit.USAGE


class SettingsError(ConfigSyncError):
    """The settings cannot be used; every problem is told at once."""

    exit_code = Exit.SETTINGS

    def __init__(self, message: str, *, hint: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class StateLocked(ConfigSyncError):
    """Another agent holds the state directory; the message names its pid."""

    exit_code = Exit.LOCKED


class NoAgent(ConfigSyncError):
    """A command that asks the running agent found none behind the socket."""

    exit_code = Exit.SERVICE

    def __init__(self, message: str, *, hint: str | None = None, is_absent: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_absent = is_absent
        """Nobody listens there, so that the command may do it by itself."""


class ApplicationNotFound(ConfigSyncError):
    """``exec``: there is no such program."""

    exit_code = Exit.APPLICATION_NOT_FOUND


class ApplicationNotRunnable(ConfigSyncError):
    """``exec``: there is such a file, and it could not be started."""

    exit_code = Exit.APPLICATION_NOT_RUNNABLE


@dataclass(frozen=True, slots=True)
class Refused:
    """What the service has and we did not take: its version, where that was told, and its revision, where it opened."""

    version: int | None = None
    revision: str | None = None


class SyncError(ConfigSyncError):
    """A pass over one target failed; the last good file stays."""

    reason: str = "Failed"
    """CamelCase, stable: goes into conditions, logs and metrics."""
    retry: Retry = Retry.BACKOFF
    transient: bool = False
    """Whether `once` tries again within ``--retry-for``."""
    refused: Refused | None = None
    """Which revision was refused, as far as that is known, where the content was the reason."""
