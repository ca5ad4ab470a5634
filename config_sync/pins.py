"""How the `Record` moves when an operator holds, resumes or rolls back a target. Pure.

There is one pin at a time, and an operator's goes before one by failure, which goes before one by an outage. What an
operator's lies on is kept in it (`Pin.under`) and holds again when it ends: a revision that was skipped before a hold
is skipped after it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from config_sync.model import Hold, Pin, PinnedBy, PinnedUntil, Record


def held(record: Record, hold: Hold, *, at: float) -> Record:
    """What is on disk stays from now on. A rollback that is on its way arrives first; a hold is renewed."""
    before = record.hold
    pin = Pin(
        digests=dict(record.written),
        by=PinnedBy.OPERATOR,
        until=PinnedUntil.RESUME if hold.for_s is None else PinnedUntil.TIME,
        reason=hold.reason,
        since=at,
        until_at=None if hold.for_s is None else at + hold.for_s,
        who=hold.who,
        to=dict(before.to) if before is not None else {},
        is_reached=before is None or before.is_reached,
        from_cache_since=record.from_cache_since,
        under=record.pin if before is None else before.under,
    )
    if before is not None and not before.is_reached:  # it stays, should the rollback be given up
        pin = replace(pin, under=replace(pin, to={}, is_reached=True, under=before.beneath))
    return replace(record, pin=pin)


def going_to(record: Record, to: Mapping[str, str], *, reason: str, who: str | None, at: float) -> Record:
    """Before a rollback's first step: it will be ended, and then held. `to`: the revision of each config, by label."""
    before = record.hold
    pin = Pin(
        digests=dict(record.written),
        by=PinnedBy.OPERATOR,
        until=PinnedUntil.RESUME,
        reason=reason,
        since=at,
        who=who,
        to=dict(to),
        is_reached=False,
        under=record.pin if before is None or before.is_reached else before.under,
    )
    return replace(record, pin=pin)


def brought_back(record: Record, to: Mapping[str, str]) -> Record:
    """Held files that are gone are published again, as a rollback to what they were: then the hold is as before."""
    assert record.hold is not None
    return replace(record, pin=replace(record.hold, to=dict(to), is_reached=False, under=record.hold))


def is_return(pin: Pin) -> bool:
    """Whether this rollback only brings back what a hold had left on disk."""
    under = pin.under
    is_of_hold = under is not None and under.by is PinnedBy.OPERATOR and under.is_reached
    return under is not None and is_of_hold and not pin.is_reached and under.since == pin.since


def given_up(record: Record) -> Record:
    """A rollback that changed nothing: everything is as it was before it was asked for, a hold too."""
    return replace(record, pin=record.hold.under if record.hold is not None else record.pin)


def resumed(record: Record) -> Record:
    """The operator's pin is over; what it lay on holds again, over what is on disk now."""
    under = record.pin.beneath if record.pin is not None else None
    return replace(record, pin=replace(under, digests=dict(record.written)) if under is not None else None)
