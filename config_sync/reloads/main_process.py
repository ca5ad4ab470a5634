"""From a systemd unit to its main process, and to no other that may have its number.

The number comes from ``systemctl show`` and may be given away before the process is held. What proves it: systemd had
not reaped that process when it answered, so its number was in use for it then; a process with this number that started
*before the question* has had it ever since, and is that one. And it must stand in the unit's control group: an agent in
another PID namespace (a container with the host's bus) would find some other process behind the number.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from config_sync.errors import ReloadFailed
from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.process import NotRunning, ProcessHandle, open_process
from config_sync.reloads.systemctl import look_when_started, pause

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""A start time is cut to whole ticks."""

_TRIES = 10
_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class ByUnit:
    """The main process of `unit`, a full name such as ``nginx.service``."""

    unit: str

    def describe(self) -> str:
        """``the main process of nginx.service``."""
        return f"the main process of {self.unit}"

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle | ReloadResult:
        """The process, which the caller closes, or why the unit needs not be told (as the kind ``systemd`` decides).

        Raises:
            ReloadFailed: systemd does not know it, it has no main process, or it is out of our sight.
            Stopped: the agent is stopping.
        """
        last = 0
        for _ in range(_TRIES):
            asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
            state = look_when_started(self.unit, order, stop, action="reload")
            if isinstance(state, ReloadResult):
                return state
            if state.main_pid is None:
                raise ReloadFailed(
                    f"{self.unit} has no main process",
                    hint="name the process by `pidfile`, `exe` or `cmdline`, or reload the unit by `systemd: UNIT`",
                    reason="ConsumerUnknown",
                )
            if (process := self._open(state.main_pid, asked_at)) is not None:
                return process
            last = state.main_pid
            pause(_AGAIN_S, stop)
        raise ReloadFailed(
            f"systemd says that process {last} is {self.describe()}, but there is none with that number here",
            hint="the agent must share the PID namespace of the systemd that it asks; or use `systemd: UNIT`",
            reason="ConsumerUnknown",
        )

    def took_well(self, process: ProcessHandle) -> None:
        """Nothing is kept: systemd says anew each time."""

    def _open(self, pid: int, asked_at: float) -> ProcessHandle | None:
        """None: it ended, or began, while it was asked for. Raises ReloadFailed."""
        try:
            process = open_process(pid)
        except NotRunning:
            return None
        except PermissionError as error:
            raise ReloadFailed(
                str(error), hint="give the agent a /proc that shows the consumer", reason="ProcessHidden"
            ) from error
        try:
            if process.started_at_boot_s + _TICK_S > asked_at:
                process.close()
                return None
            if not _is_in_group(pid, self.unit):
                raise ReloadFailed(
                    f"process {pid} ({process.name}) is not in the control group of {self.unit}",
                    hint="the agent must share the PID namespace of the systemd that it asks; or use `systemd: UNIT`",
                    reason="ConsumerUnknown",
                )
        except BaseException:
            process.close()
            raise
        return process


def _is_in_group(pid: int, unit: str) -> bool:
    """Whether one of its control groups is at or below the unit's; an escaped name has a leading underscore."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            groups = file.read()
    except OSError:
        return False
    return any(part.removeprefix("_") == unit for line in groups.splitlines() for part in line.split("/"))
