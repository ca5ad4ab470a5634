"""What an operator holds, in one sentence and as JSON. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

from config_sync.model import Pin, Record

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


def said_of(hold: Pin) -> str:
    """``held by root since …Z until …Z: looking into 4711``."""
    by = f" by {hold.who}" if hold.who else ""
    until = f"until {told_time(hold.until_at)}" if hold.until_at is not None else "until it is resumed"
    why = f": {hold.reason}" if hold.reason else ""
    return f"held{by} since {told_time(hold.since)} {until}{why}"


def hold_of(record: Record) -> dict[str, Json] | None:
    """For ``status.json``: None where nothing is held."""
    hold = record.hold
    if hold is None:
        return None
    rollback: dict[str, Json] = {**hold.to}
    return {
        "since": told_time(hold.since),
        "until": told_time(hold.until_at),
        "by": hold.who,
        "reason": hold.reason,
        "rollback": rollback or None,
        "is_reached": hold.is_reached,
    }


def skipped_of(record: Record) -> dict[str, Json] | None:
    """The revision that failed and is passed over, also while the target is held."""
    pin = record.skipping
    if pin is None:
        return None
    return {
        "version": pin.refused_version,
        "revision": pin.refused_revision,
        "reason": pin.reason,
        "since": told_time(pin.since),
    }


def told_time(at: float | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
