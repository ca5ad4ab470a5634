"""``systemd``: reload or restart a unit by ``systemctl``, and take the job's result for the result.

1. Look (``systemctl show``) and `decide`: the agent's own unit is never told; one that is not running will read the
   files when it starts; one that is starting is waited for; one that started after the write has read them.
2. Act, and wait for the job.
3. Look again: systemd books a process that died of its reload signal as a clean end.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from config_sync.errors import ReloadFailed, Stopped
from config_sync.fields import Field, Values, fields
from config_sync.kinds import words
from config_sync.model import ReloadOrder, ReloadResult, StopSignal
from config_sync.reloads.kind import Doubt, ReloadKind
from config_sync.reloads.systemctl import (
    NO_SYSTEMD,
    STARTING_S,
    complaint,
    look,
    look_when_started,
    pause,
    systemctl,
)
from config_sync.reloads.unit import UNIT_NAME

ACTIONS = ("try-reload-or-restart", "reload-or-restart", "reload", "try-restart", "restart", "start")

_JOB_S = 100.0
"""systemd ends a job itself after 90 s by default (DefaultTimeoutStartSec=, systemd-system.conf(5))."""
_STOP_GRACE_S = 10.0
_SURVIVES_S = 0.1


@dataclass(frozen=True, slots=True)
class SystemdReload:
    """Does `action` to `unit`, a full name such as ``nginx.service``."""

    unit: str
    action: str = "try-reload-or-restart"
    starting_s: float = STARTING_S
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
        found = look_when_started(self.unit, order, stop, action=self.action, starting_s=self.starting_s)
        if isinstance(found, ReloadResult):
            return found
        finished = systemctl(
            self.unit, stop, self.action, "--no-ask-password", timeout_s=_JOB_S, stop_grace_s=_STOP_GRACE_S
        )
        if not finished.is_success:
            raise complaint(finished, self.describe(), self.unit, action=self.action)
        self._check_survived(stop)
        return ReloadResult.RELOADED

    def doubts(self) -> Iterator[Doubt]:
        """Without systemctl nothing can be asked."""
        if shutil.which("systemctl") is None:
            yield Doubt("systemctl is not on the PATH", NO_SYSTEMD)

    def _check_survived(self, stop: StopSignal) -> None:
        try:
            pause(_SURVIVES_S, stop)
            state = look(self.unit, stop)
        except Stopped:
            return  # the job is done: being unable to look again loses nothing
        if state.is_down_after_reload:
            raise ReloadFailed(
                f"{self.unit} went down by its reload (now {state.active})",
                hint="its ExecReload= sends a signal it does not handle, or it could not take the new files;"
                f" see `journalctl -u {self.unit}`",
                reason="ConsumerDied",
            )


UNIT: Field[str] = Field(
    "systemd",
    UNIT_NAME,
    "The unit. `.service` may be left away.",
    is_required=True,
    nullable=False,
)
ACTION: Field[str] = Field(
    "action",
    words(*ACTIONS),
    "What systemctl does to it. A unit that is not running is never started, but for a failed one by `restart` and"
    " `reload-or-restart`, and by `start`, which is for a oneshot unit that is itself the hook.",
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
