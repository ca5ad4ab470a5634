"""What is known of a systemd unit, and what that means for telling it. Reads ``/proc/self/cgroup``, else pure."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from config_sync.fields import JsonSchema, Node, Problems, expanded, refuse
from config_sync.kinds import Parsed
from config_sync.model import ReloadOrder, ReloadResult

_SUFFIXES = ("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")
"""Every type of unit (systemd.unit(5))."""

_UNIT = re.compile(r"[A-Za-z0-9:_\\][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]+)?", re.ASCII)
"""systemd.unit(5); no globs, which systemctl would match against several units, and no leading dash or dot."""

SHOWN = "Id,Type,LoadState,ActiveState,SubState,InactiveExitTimestamp,InvocationID,MainPID"
"""What is asked of ``systemctl show``, in an environment with ``TZ=UTC``."""

_SLACK_S = 2.0
_STAMP = re.compile(r"\w{3} (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) UTC", re.ASCII)


def unit_name(text: str) -> str:
    """The full name; ``.service`` is added as systemctl does. Raises ValueError with the sentence to show."""
    full = text if text.rpartition(".")[2] in _SUFFIXES else f"{text}.service"
    stem = full.rpartition(".")[0]
    if len(full) > 255 or not stem or not _UNIT.fullmatch(stem):
        if stem.endswith("@"):
            raise ValueError("a template needs its instance, such as worker@1.service")
        raise ValueError("expected a unit's name such as nginx.service")
    return full


def _parse_unit(node: Node, problems: Problems) -> str:
    """The full name of one unit."""
    text = expanded(node, problems, UNIT_NAME.expected).text
    try:
        return unit_name(text)
    except ValueError as error:
        raise refuse(node, problems, f"{error}, not {text!r}") from None


def _unit_schema() -> JsonSchema:
    return {"type": "string", "minLength": 1, "maxLength": 255}


UNIT_NAME = Parsed("a unit's name such as nginx.service", _parse_unit, _unit_schema)
"""The kind of setting that names one unit."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """A unit as ``systemctl show`` tells it.

    `left_inactive_at`: Unix seconds, cut to whole ones. `main_pid` is None where it has no main process.
    """

    id: str
    type: str
    load: str
    active: str
    sub: str
    left_inactive_at: float | None
    invocation_id: str
    main_pid: int | None = None

    @property
    def is_unknown(self) -> bool:
        """There is no such unit; one that runs without its file (removed since) is known."""
        return self.load == "not-found" and self.active == "inactive"

    @property
    def is_down_after_reload(self) -> bool:
        """It did not survive. A oneshot is down when it is done; one that systemd restarts is not down."""
        return self.active == "failed" or (self.active == "inactive" and self.type != "oneshot")


def parse_show(text: str) -> UnitState:
    """The state out of ``systemctl show --property=SHOWN``; what is missing there is empty."""
    told = {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}
    return UnitState(
        id=told.get("Id", ""),
        type=told.get("Type", ""),
        load=told.get("LoadState", ""),
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        left_inactive_at=_unix_seconds(told.get("InactiveExitTimestamp", "")),
        invocation_id=told.get("InvocationID", ""),
        main_pid=int(told.get("MainPID") or 0) or None,
    )


def _unix_seconds(stamp: str) -> float | None:
    found = _STAMP.fullmatch(stamp)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    return datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC).timestamp()


class Step(enum.Enum):
    """What to do when the unit is to be told after all."""

    ACT = "act"
    WAIT = "wait"


Decision: TypeAlias = "Step | ReloadResult"


def decide(state: UnitState, action: str, order: ReloadOrder, *, own: OwnUnit) -> Decision:
    """What the unit's state means for a reload of it.

    It started when it left ``inactive``: before any ``ExecStartPre=``, so that "started after the write" is never said
    of one that may have read the old file. ``failed`` wanted to run: ``restart`` and ``reload-or-restart`` start it
    again, as systemctl does, since the new file may be the cure; a unit that is merely inactive is never started, but
    by ``start``: that one is no consumer, it is run for the reload.
    """
    if own.is_unit(state):
        return ReloadResult.OWN_UNIT
    match state.active:
        case "activating" if state.sub.startswith("auto-restart"):
            return ReloadResult.WAITING_FOR_CONSUMER  # it crashed: nothing runs until systemd starts it anew
        case "activating":
            return Step.WAIT
        case "inactive" | "failed" if action == "start":
            return Step.ACT
        case "failed" if action in ("restart", "reload-or-restart"):
            return Step.ACT
        case "inactive" | "failed" | "deactivating":
            return ReloadResult.WAITING_FOR_CONSUMER
        case _:
            return ReloadResult.ALREADY_CURRENT if _started_after_write(state, order) else Step.ACT


def _started_after_write(state: UnitState, order: ReloadOrder) -> bool:
    if order.forced or order.written_at is None or state.left_inactive_at is None:
        return False
    return state.left_inactive_at > order.written_at + _SLACK_S


@dataclass(frozen=True, slots=True)
class OwnUnit:
    """The unit that the agent itself is part of, by its control group's name and by its invocation."""

    name: str | None
    invocation_id: str | None

    def is_unit(self, state: UnitState) -> bool:
        """Whether it is this one."""
        if self.name is not None and self.name == state.id:
            return True
        return bool(self.invocation_id) and self.invocation_id == state.invocation_id


def own_unit(environ: Mapping[str, str]) -> OwnUnit:
    """By ``/proc/self/cgroup``, and by ``INVOCATION_ID`` (systemd.exec(5)) where a namespace hides the group."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            groups = file.read()
    except OSError:
        groups = ""
    return OwnUnit(unit_of_cgroups(groups), environ.get("INVOCATION_ID"))


def unit_of_cgroups(text: str) -> str | None:
    """The system manager's unit out of ``/proc/PID/cgroup`` (cgroups(7)); None outside of one.

    The first service or scope below the slices: what lies deeper was delegated to it. Version 2 has one line
    ``0::PATH``, version 1 a line ``N:name=systemd:PATH``; a name may be escaped by a leading underscore.
    """
    for line in text.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers not in ("", "name=systemd"):
            continue
        for part in path.split("/"):
            if part.endswith((".service", ".scope")):
                return part.removeprefix("_")
    return None
