"""``signal``: one signal to one main process, and only if the process can take it.

1. The process is identified by its pid file (`pidfile`), its unit (`main_process`), its program or its command line
   (`matching`). None: the consumer is not running and will read the files when it starts.
2. One that started after the write has read it already.
3. What the signal would do is read from ``/proc`` first: most programs *die* of a signal they did not ask for.
4. The signal goes through the pidfd, and the process must still be alive a moment later: some runtimes (Go) look as if
   they caught everything.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from config_sync.errors import ReloadFailed, Stopped
from config_sync.fields import (
    Field,
    JsonSchema,
    Node,
    Problems,
    Values,
    expanded,
    fields,
    nearest,
    quoted,
    refuse,
    scalar,
)
from config_sync.kinds import Parsed, PathText
from config_sync.log import RELOAD_WARNED, SIGNAL_SENT, logger
from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult, StopSignal
from config_sync.process import Disposition, NotRunning, ProcessHandle, disposition_of
from config_sync.reloads.consumer import Consumer
from config_sync.reloads.kind import ReloadKind
from config_sync.reloads.main_process import ByUnit
from config_sync.reloads.matching import ByCmdline, ByExe
from config_sync.reloads.pidfile import SLACK_S, ByPidFile
from config_sync.reloads.unit import UNIT_NAME

SIGNALS = {
    one.name.removeprefix("SIG"): one for one in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
}
"""Those that programs take as "read your files again". Ones that end a process are no reload but a restart."""

_ENDING = ("TERM", "INT", "QUIT", "KILL", "ABRT", "STOP")

_FATAL_BY_DEFAULT = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})
"""The default action of SIGWINCH is to be ignored (signal(7))."""

_SURVIVES_S = 0.1
"""How long the process is watched after the signal: a fatal one ends it within a millisecond."""


@dataclass(frozen=True, slots=True)
class SignalReload:
    """Sends `signal` to the one process that `consumer` names."""

    signal: signal.Signals
    consumer: Consumer

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "signal"

    def describe(self) -> str:
        """``SIGHUP to the pid in /run/nginx.pid``."""
        return f"{self.signal.name} to {self.consumer.describe()}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """The process was told and lives, or needs not be told.

        Raises:
            ReloadFailed: it is not sure which process is meant, the signal would or did end it, or is not permitted.
            Stopped: the agent is stopping; nothing was sent.
        """
        if stop.is_set():
            raise Stopped
        try:
            found = self.consumer.find(order, stop)
            if isinstance(found, ReloadResult):
                return found
            with found as process:
                is_newer = order.written_at is not None and process.started_at > order.written_at + SLACK_S
                if is_newer and not order.forced:
                    return ReloadResult.ALREADY_CURRENT
                self._check_disposition(process, order)
                self._send(process, order)
        except (NotRunning, ProcessLookupError):
            return ReloadResult.WAITING_FOR_CONSUMER
        return ReloadResult.RELOADED

    def _check_disposition(self, process: ProcessHandle, order: ReloadOrder) -> None:
        disposition = disposition_of(process, self.signal)
        if disposition is Disposition.DEFAULT and self.signal in _FATAL_BY_DEFAULT:
            raise ReloadFailed(
                f"process {process.pid} ({process.name}) does not handle {self.signal.name} and would die of it:"
                " not sent",
                hint="use another signal if it documents one, or `systemd: UNIT`, or a `command`",
                reason="SignalUnhandled",
            )
        if disposition in (Disposition.DEFAULT, Disposition.IGNORED):
            logger().warning(
                RELOAD_WARNED,
                target=order.target,
                error=f"process {process.pid} ({process.name}) ignores {self.signal.name}",
                hint="it will not read its files again; use another signal, `systemd: UNIT`, or a `command`",
            )

    def _send(self, process: ProcessHandle, order: ReloadOrder) -> None:
        """Raises ReloadFailed, ProcessLookupError."""
        try:
            process.send(self.signal)
        except PermissionError as error:
            raise ReloadFailed(
                f"uid {os.geteuid()} may not send {self.signal.name} to process {process.pid} ({process.name}), which"
                f" runs as uid {process.uid}",
                hint="run both as one user, give the agent CAP_KILL, or use `systemd: UNIT` with a polkit rule",
                reason="SignalForbidden",
            ) from error
        logger().debug(SIGNAL_SENT, target=order.target, kind=self.kind, signal=self.signal.name, pid=process.pid)
        if process.ends_within(_SURVIVES_S):
            raise ReloadFailed(
                f"process {process.pid} ({process.name}) ended within {_SURVIVES_S:g} s of {self.signal.name}",
                hint="look at its own log: the signal is not what it reloads by, or it could not take the new files",
                reason="ConsumerDied",
            )
        self.consumer.took_well(process)


def _parse_signal(node: Node, problems: Problems) -> signal.Signals:
    """``HUP`` or ``SIGHUP``."""
    text = expanded(node, problems, SIGNAL.kind.expected).text
    word = text.removeprefix("SIG")
    if word in SIGNALS:
        return SIGNALS[word]
    hint: str | None = None
    if word in _ENDING:
        hint = "that would end the process: for a restart use `systemd: UNIT` with `action: restart`, or a `command`"
    elif near := nearest(word.upper().removeprefix("SIG"), tuple(SIGNALS)):
        hint = f"did you mean {near}?"
    raise refuse(node, problems, f"expected {SIGNAL.kind.expected}, not {text!r}", hint=hint)


def _signal_schema() -> JsonSchema:
    return {"enum": [*SIGNALS, *(f"SIG{word}" for word in SIGNALS)]}


def _parse_pattern(node: Node, problems: Problems) -> re.Pattern[str]:
    """A regular expression that not just any command line has."""
    text = scalar(node, problems, CMDLINE.kind.expected).text
    try:
        found = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        why = error.msg if isinstance(error, re.error) else "it is too large"
        raise refuse(node, problems, f"expected {CMDLINE.kind.expected}; {quoted(text)}: {why}") from None
    if found.search(""):
        raise refuse(node, problems, f"{quoted(text)} matches every command line", hint="name the program in it")
    return found


def _pattern_schema() -> JsonSchema:
    return {"type": "string", "minLength": 1}


SIGNAL: Field[signal.Signals] = Field(
    "signal",
    Parsed("a signal that reloads: one of " + ", ".join(SIGNALS), _parse_signal, _signal_schema),
    "The signal. It is sent only to a process that handles it. One of the keys below says to which.",
    is_required=True,
    nullable=False,
)
PIDFILE: Field[AbsolutePath] = Field(
    "pidfile",
    PathText(),
    "The file that holds the main process's id: a regular file, not writable by everyone, not older than the process.",
)
UNIT: Field[str] = Field(
    "unit", UNIT_NAME, "The main process of this systemd unit; one that is starting is waited for."
)
EXE: Field[AbsolutePath] = Field(
    "exe",
    PathText(),
    "The process that runs this program, as `readlink /proc/PID/exe` tells it: the only one, or the parent of all the "
    "others. Also in a PID namespace that is shared with other containers.",
)
CMDLINE: Field[re.Pattern[str]] = Field(
    "cmdline",
    Parsed("a regular expression such as '^nginx: master'", _parse_pattern, _pattern_schema),
    "The same by an expression that is found in its command line, the words joined by blanks.",
)

_WAYS = (PIDFILE, UNIT, EXE, CMDLINE)


def _build(values: Values) -> SignalReload:
    given = [one.key for one in _WAYS if values.by_key.get(one.key) is not None]
    if len(given) != 1:
        ways = "`pidfile`, `unit`, `exe` or `cmdline`"
        which = f"{ways} beside it, to know which process is meant" if not given else f"one of {ways}, not {len(given)}"
        raise ValueError(f"`signal` needs {'a ' if not given else ''}{which}")
    return SignalReload(values[SIGNAL], _consumer(values))


def _consumer(values: Values) -> Consumer:
    if (pidfile := values.optional(PIDFILE)) is not None:
        return ByPidFile(pidfile)
    if (unit := values.optional(UNIT)) is not None:
        return ByUnit(unit)
    if (exe := values.optional(EXE)) is not None:
        return ByExe(exe)
    return ByCmdline(values[CMDLINE])


SIGNAL_KIND = ReloadKind(
    "signal",
    fields(SIGNAL, *_WAYS),
    _build,
    "Sends a signal to the main process. One that is not running needs none: it reads the files when it starts.",
)
