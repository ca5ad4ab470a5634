"""Asking systemd: ``systemctl`` found in PATH, run so that it cannot hang, and its complaints in our words.

D-Bus by hand would need a library and gain nothing.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.process import CouldNotStart, Finished, run_command
from config_sync.reloads.kind import Meaning
from config_sync.reloads.story import plain_environment
from config_sync.reloads.unit import SHOWN, Step, UnitState, decide, own_unit, parse_show

_LOOK_S = 10.0
_LOOK_EVERY_S = 0.25

STARTING_S = 30.0
"""How long a unit that is starting is waited for; then the reload stays pending and is tried again."""

NO_SYSTEMD = "without systemd on this machine use `signal` or `command`; in a container the host's is not seen"


def systemctl(
    unit: str, stop: StopSignal, *words: str, timeout_s: float = _LOOK_S, stop_grace_s: float = 0.0
) -> Finished:
    """What became of ``systemctl WORDS -- UNIT``. Raises ReloadFailed where there is none, and Stopped."""
    environment = plain_environment(os.environ) | {"SYSTEMD_COLORS": "0", "LC_ALL": "C", "TZ": "UTC"}
    try:
        return run_command(
            ("systemctl", "--no-pager", *words, "--", unit),
            env=environment,
            timeout_s=timeout_s,
            stop=stop,
            stop_grace_s=stop_grace_s,
        )
    except CouldNotStart as error:
        raise ReloadFailed(f"{unit} cannot be told: {error}", hint=NO_SYSTEMD, reason="NoSystemd") from error


def look(unit: str, stop: StopSignal) -> UnitState:
    """The unit as systemd sees it now. Raises ReloadFailed where there is no systemd or no such unit, and Stopped."""
    shown = systemctl(unit, stop, "show", f"--property={SHOWN}")
    if not shown.is_success:
        raise complaint(shown, f"systemctl show {unit}", unit)
    state = parse_show(shown.output_tail)
    if state.is_unknown:
        raise ReloadFailed(
            f"systemd knows no unit {unit}",
            hint="correct the name (`systemctl list-units`), or install the unit and run `systemctl daemon-reload`",
            reason="UnitUnknown",
        )
    return state


def look_when_started(
    unit: str, order: ReloadOrder, stop: StopSignal, *, action: str, starting_s: float = STARTING_S
) -> UnitState | ReloadResult:
    """The unit once it is to be told, or why it needs not be; one that is starting is waited for.

    Raises:
        ReloadFailed: as `look`, or it is still starting after `starting_s` seconds.
        Stopped: the agent is stopping.
    """
    deadline = time.monotonic() + starting_s
    while True:
        state = look(unit, stop)
        step = decide(state, action, order, own=own_unit(os.environ))
        if isinstance(step, ReloadResult):
            return step
        if step is Step.ACT:
            return state
        if time.monotonic() >= deadline:
            raise ReloadFailed(
                f"{unit} is still starting after {starting_s:g} s",
                hint=f"see `systemctl status {unit}`; the reload stays pending and is tried again",
                reason="UnitStarting",
            )
        pause(_LOOK_EVERY_S, stop)


def complaint(finished: Finished, what: str, unit: str, *, action: str | None = None) -> ReloadFailed:
    """With what systemctl itself said: that is about jobs and rights, never about content. 252 to 257 say so."""
    said = next((line.strip() for line in finished.output_tail.splitlines() if line.strip()), "")
    message = f"{what} {finished.describe()}" + (f": {said}" if said else "")
    for words, meant in _COMPLAINTS.items():
        if words in said:
            return ReloadFailed(message, hint=meant.hint.format(uid=os.geteuid(), unit=unit), reason=meant.reason)
    is_told = action is not None and action != "start" and not action.endswith("restart")
    goes_on = "; the old process goes on with the old files" if is_told else ""
    return ReloadFailed(
        message, hint=f"see `systemctl status {unit}` and `journalctl -u {unit}`{goes_on}", reason="UnitFailed"
    )


_FORBIDDEN = Meaning(
    "UnitForbidden", "uid {uid} needs a polkit rule for org.freedesktop.systemd1.manage-units on {unit}"
)
_ABSENT = Meaning("NoSystemd", NO_SYSTEMD)

_COMPLAINTS: Mapping[str, Meaning] = {
    "not been booted with systemd": _ABSENT,
    "connect to bus": _ABSENT,
    "connect to system scope bus": _ABSENT,
    "authentication required": _FORBIDDEN,
    "Access denied": _FORBIDDEN,
    "not applicable": Meaning(
        "UnitCannotReload",
        "{unit} has no ExecReload=: leave `action` away, which then restarts it",
    ),
}


def pause(seconds: float, stop: StopSignal) -> None:
    """So long, but for the stop. Raises Stopped."""
    poll = select.poll()
    poll.register(stop.fileno(), select.POLLIN)
    if poll.poll(seconds * 1000):
        raise Stopped
