"""Edits by others: how often they were put right, and which were left alone and reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from config_sync.clock import Clock
from config_sync.errors import FileError
from config_sync.log import DRIFT_FOUND, logger
from config_sync.model import AbsolutePath, FileState, OnDrift, Present, Record, Target
from config_sync.plan import FilePlan, Plan, Reason
from config_sync.status import metrics
from config_sync.status.meters import METERS

RESTORES = 3
"""Of one file within `WITHIN_S`; the next is not made: two programs that each put a file right would never end, and
their consumer would be reloaded with every turn (interface.md, "Semantics that users feel")."""
WITHIN_S = 600.0


class DriftLog:
    """In memory only: after a restart the count begins anew. Shared by all threads; a target is in one at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._restored: dict[AbsolutePath, deque[float]] = {}
        self._told: dict[AbsolutePath, FileState] = {}
        self._counted: dict[AbsolutePath, FileState] = {}

    def look(self, target: Target, plan: Plan, observed: Mapping[AbsolutePath, FileState], record: Record) -> None:
        """Before the files are written: refuse to go on for ever, and tell of what is left alone.

        Raises:
            FileError: (``Contested``) a file was restored `RESTORES` times already within `WITHIN_S`.
        """
        for one in plan.files:
            self._count(target.name, one, observed[one.path], record)
            if _is_restore(one, record):
                self._refuse_a_contest(one.path)
            if one.reason is Reason.DRIFT_TOLERATED and target.on_drift is OnDrift.REPORT:
                self._tell(target.name, one.path, observed[one.path])
            elif one.reason is not Reason.DRIFTED:
                self._told.pop(one.path, None)

    def restored(self, plan: Plan, record: Record) -> None:
        """The files are written: count those that somebody had changed or removed; `record` is that of before."""
        for one in plan.files:
            if _is_restore(one, record):
                self._restored.setdefault(one.path, deque()).append(self._clock.monotonic())

    def _refuse_a_contest(self, path: AbsolutePath) -> None:
        now = self._clock.monotonic()
        times = self._restored.get(path, deque())
        while times and now - times[0] >= WITHIN_S:
            times.popleft()
        if len(times) >= RESTORES:
            raise FileError(
                f"{path}: somebody keeps changing it: restored {RESTORES} times within {WITHIN_S / 60:.0f} minutes, not"
                " again for now",
                hint="find who writes it (auditctl -w, fatrace), under 'config-sync hold' if need be, or set 'on_drift:"
                " report' to leave such edits alone",
                reason="Contested",
            )

    def _count(self, name: str, planned: FilePlan, state: FileState, record: Record) -> None:
        """One edit counts once, however many passes see it."""
        kind = _kind(planned, state, record)
        if kind is None:
            self._counted.pop(planned.path, None)
        elif self._counted.get(planned.path) != state:
            self._counted[planned.path] = state
            METERS.count(metrics.DRIFT, name, kind)

    def _tell(self, name: str, path: AbsolutePath, state: FileState) -> None:
        if self._told.get(path) == state:
            return
        self._told[path] = state
        digest = state.digest if isinstance(state, Present) else None
        logger().warning(DRIFT_FOUND, target=name, path=path, digest=digest, reason=Reason.DRIFT_TOLERATED.value)


def _is_restore(planned: FilePlan, record: Record) -> bool:
    """Whether a file is put back as we had it: somebody changed it, or took it away."""
    is_taken_away = planned.reason is Reason.MISSING and planned.path in record.written
    return planned.reason is Reason.DRIFTED or is_taken_away


def _kind(planned: FilePlan, state: FileState, record: Record) -> str | None:
    """What somebody changed, in a metric's word; None: nothing. Of mode and owner the settings may have changed too."""
    if planned.path not in record.written:
        return None
    if planned.reason is Reason.MODE_DIFFERS:
        return "metadata"
    if planned.reason in (Reason.MISSING, Reason.DRIFTED, Reason.DRIFT_TOLERATED):
        return "content" if isinstance(state, Present) else "missing"
    return None
