"""What the probes are told of all targets together. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from config_sync.status.board import TargetStatus
from config_sync.status.state import State


def startup_done(statuses: Iterable[TargetStatus]) -> bool:
    """Whether every required target is up."""
    return all(one.is_up for one in statuses if one.target.required)


def is_ready(statuses: Iterable[TargetStatus]) -> bool:
    """Startup, and no required target failed; a rejected document or an outage of the service keeps it."""
    known = tuple(statuses)
    return startup_done(known) and not any(one.state is State.FAILED for one in known if one.target.required)
