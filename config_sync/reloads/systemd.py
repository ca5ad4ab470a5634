"""``systemd``: reload or restart a unit by ``systemctl``, and take the job's result for the result.

``systemctl`` is found in PATH and speaks to the system manager; D-Bus by hand would need a library and gain nothing.

1. Look (``systemctl show``) and `decide`: the agent's own unit is never told; one that is not running will read the
   files when it starts; one that is starting is waited for; one that started after the write has read them.
2. Act, and wait for the job.
3. Look again: systemd books a process that died of its reload signal as a clean end.
"""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass

from config_sync.errors import ReloadFailed, Stopped
from config_sync.fields import Field, JsonSchema, Node, Problems, Values, expanded, fields, refuse
from config_sync.kinds import Parsed, words
from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.process import CouldNotStart, Finished, run_command
from config_sync.reloads.kind import ReloadKind
from config_sync.reloads.story import plain_environment
from config_sync.reloads.unit import SHOWN, Step, UnitState, decide, own_unit, parse_show, unit_name

ACTIONS = ("try-reload-or-restart", "reload-or-restart", "reload", "try-restart", "restart")

_LOOK_S = 10.0
_JOB_S = 100.0
"""systemd ends a job itself after 90 s by default (DefaultTimeoutStartSec=, systemd-system.conf(5))."""
_STOP_GRACE_S = 10.0
_STARTING_S = 30.0
"""How long a unit that is starting is waited for; then the reload stays pending and is tried again."""
_LOOK_EVERY_S = 0.25
_SURVIVES_S = 0.1


@dataclass(frozen=True, slots=True)
class SystemdReload:
    """Does `action` to `unit`, a full name such as ``nginx.service``."""

    unit: str
    action: str = "try-reload-or-restart"
    starting_s: float = _STARTING_S
    """How long a unit that is starting is waited for, in seconds."""

    @property
    def kind(self) -> str:
        """The word in the settings."""
        return "systemd"

    def describe(self) -> str:
        """``systemctl try-reload-or-restart nginx.service``."""
        return f"systemctl {self.action} {self.unit}"

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """The job succeeded and the unit is up, or the unit needs not be told.

        Raises:
            ReloadFailed: no systemd, no such unit, not permitted, the job failed, or the unit went down by it.
            Stopped: the agent is stopping. A job that systemd has begun goes on.
        """
        deadline = time.monotonic() + self.starting_s
        while (step := decide(self._look(stop), self.action, order, own=own_unit(os.environ))) is Step.WAIT:
            if time.monotonic() >= deadline:
                raise ReloadFailed(
                    f"{self.unit} is still starting after {self.starting_s:g} s",
                    hint=f"see `systemctl status {self.unit}`; the reload stays pending and is tried again",
                )
            _pause(_LOOK_EVERY_S, stop)
        if isinstance(step, ReloadResult):
            return step
        finished = self._systemctl(
            stop, self.action, "--no-ask-password", "--", self.unit, timeout_s=_JOB_S, stop_grace_s=_STOP_GRACE_S
        )
        if not finished.is_success:
            raise self._failed(finished)
        self._check_survived(stop)
        return ReloadResult.RELOADED

    def _look(self, stop: StopSignal) -> UnitState:
        shown = self._systemctl(stop, "show", f"--property={SHOWN}", "--", self.unit, timeout_s=_LOOK_S)
        if not shown.is_success:
            raise self._failed(shown)
        state = parse_show(shown.output_tail)
        if state.is_unknown:
            raise ReloadFailed(
                f"systemd knows no unit {self.unit}",
                hint="correct the name (`systemctl list-units`), or install the unit and run `systemctl daemon-reload`",
            )
        return state

    def _check_survived(self, stop: StopSignal) -> None:
        try:
            _pause(_SURVIVES_S, stop)
            state = self._look(stop)
        except Stopped:
            return  # the job is done: being unable to look again loses nothing
        if state.is_down_after_reload:
            raise ReloadFailed(
                f"{self.unit} went down by its reload (now {state.active})",
                hint="its ExecReload= sends a signal it does not handle, or it could not take the new files;"
                f" see `journalctl -u {self.unit}`",
            )

    def _systemctl(self, stop: StopSignal, *words_after: str, timeout_s: float, stop_grace_s: float = 0.0) -> Finished:
        environment = plain_environment(os.environ) | {"SYSTEMD_COLORS": "0", "LC_ALL": "C", "TZ": "UTC"}
        try:
            return run_command(
                ("systemctl", "--no-pager", *words_after),
                env=environment,
                timeout_s=timeout_s,
                stop=stop,
                stop_grace_s=stop_grace_s,
            )
        except CouldNotStart as error:
            raise ReloadFailed(
                f"{self.unit} cannot be told: {error}",
                hint="without systemd on this machine use `signal` or `command`; in a container the host's is not seen",
            ) from error

    def _failed(self, finished: Finished) -> ReloadFailed:
        """With what systemctl itself said: that is about jobs and rights, never about content."""
        said = next((line.strip() for line in finished.output_tail.splitlines() if line.strip()), "")
        return ReloadFailed(
            f"{self.describe()} {finished.describe()}" + (f": {said}" if said else ""),
            hint=_hint(said, self.unit, self.action),
        )


def _hint(said: str, unit: str, action: str) -> str:
    """What to do about systemctl's first line (252 to 257 say so)."""
    if "not been booted with systemd" in said or "connect to bus" in said or "connect to system scope bus" in said:
        return "without systemd on this machine use `signal` or `command`; in a container the host's is not seen"
    if "authentication required" in said or "Access denied" in said:
        return f"uid {os.geteuid()} needs a polkit rule for org.freedesktop.systemd1.manage-units on {unit}"
    if "not applicable" in said:
        return f"{unit} has no ExecReload=: leave `action` away, which then restarts it"
    return f"see `systemctl status {unit}` and `journalctl -u {unit}`" + (
        "" if action.endswith("restart") else "; the old process goes on with the old files"
    )


def _pause(seconds: float, stop: StopSignal) -> None:
    """Raises Stopped."""
    poll = select.poll()
    poll.register(stop.fileno(), select.POLLIN)
    if poll.poll(seconds * 1000):
        raise Stopped


def _parse_unit(node: Node, problems: Problems) -> str:
    """The full name of one unit."""
    text = expanded(node, problems, UNIT.kind.expected).text
    try:
        return unit_name(text)
    except ValueError as error:
        raise refuse(node, problems, f"{error}, not {text!r}") from None


def _unit_schema() -> JsonSchema:
    return {"type": "string", "minLength": 1, "maxLength": 255}


UNIT: Field[str] = Field(
    "systemd",
    Parsed("a unit's name such as nginx.service", _parse_unit, _unit_schema),
    "The unit. `.service` may be left away.",
    is_required=True,
    nullable=False,
)
ACTION: Field[str] = Field(
    "action",
    words(*ACTIONS),
    "What systemctl does to it. A unit that is not running is never started, but for a failed one by `restart` and"
    " `reload-or-restart`.",
    default=ACTIONS[0],
    default_text=ACTIONS[0],
)


def _build(values: Values) -> SystemdReload:
    return SystemdReload(values[UNIT], values[ACTION])


SYSTEMD_KIND = ReloadKind(
    "systemd",
    fields(UNIT, ACTION),
    _build,
    "Reloads a systemd unit, and waits for the result. One that is not running needs none; the agent's own is never"
    " reloaded; one that is starting is waited for.",
)
