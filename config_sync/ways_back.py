"""Where a publish can go back to, and how the `Record` moves while it does (``on_failure: rollback``). Pure.

A rollback is three saves: `going_back` before the first file changes, `went_back` once all are as they were (both
survive a death: the next process ends what was begun), and `config_sync.plan.told` once the consumer was reloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from config_sync.errors import Refused, RolledBack
from config_sync.model import (
    AbsolutePath,
    Attempt,
    FileState,
    OnDrift,
    Pin,
    PinnedBy,
    PinnedUntil,
    Present,
    Record,
    WayBack,
)
from config_sync.plan import Wanted


def way_back(
    wanted: Sequence[Wanted],
    observed: Mapping[AbsolutePath, FileState],
    record: Record,
    *,
    on_drift: OnDrift = OnDrift.RESTORE,
) -> WayBack | None:
    """Where a publish of `wanted` could go back to, but for the kept files; None: nowhere, or there is no need.

    None where nothing is there, or not all that we wrote, where what is put there is nothing new (an edit is restored),
    and where the consumer is not known to be well with what is there: it was never told of it, or could not be.
    """
    found = {str(path): state.digest for path, state in observed.items() if isinstance(state, Present)}
    is_whole = all(one.path in found for one in wanted if one.path in record.written)
    names = {str(one.path) for one in wanted}
    goes = any(path in found and path not in names for path in record.written)  # a key of a set
    is_news = goes or any(record.written.get(one.path) != one.digest for one in wanted)
    if not found or not is_whole or not is_news or record.reload_owed:
        return None
    edited = {path: record.written[path] for path in found if record.written.get(path, found[path]) != found[path]}
    return WayBack(
        found,
        {},
        record.version,
        record.revision,
        record.changed_by,
        record.saved_at,
        dict(record.versions),
        dict(record.revisions),
        {} if on_drift is OnDrift.RESTORE else edited,
        {path: one for path, one in {**record.dropped, **record.written}.items() if path not in observed},
    )


def going_back(record: Record, wanted: Sequence[Wanted], *, reason: str, at: float) -> Record:
    """Before the first file goes back: from here on `wanted` is skipped, and the rollback will be ended."""
    attempt = record.attempting
    assert attempt is not None
    assert attempt.back is not None
    pin = Pin(
        digests=dict(attempt.back.digests),
        by=PinnedBy.FAILURE,
        until=PinnedUntil.NEWER,
        refused={str(one.path): one.digest for one in wanted},
        refused_version=record.version,
        refused_revision=record.revision,
        reason=reason,
        since=at,
    )
    return replace(record, pin=pin, attempting=replace(attempt, is_going_back=True))


def went_back(record: Record, *, at: float) -> Record:
    """Every file is as it was before: the consumer is owed a reload of that."""
    assert record.attempting is not None
    back = record.attempting.back
    assert back is not None
    dropped = {**back.dropped, **record.dropped}
    return replace(
        record,
        written={path: digest for path, digest in back.written.items() if path not in dropped},
        dropped=dropped,
        written_at=at,
        version=back.version,
        previous_version=record.version,
        revision=back.revision,
        changed_by=back.changed_by,
        saved_at=back.saved_at,
        versions=dict(back.versions),
        revisions=dict(back.revisions),
        attempting=Attempt({}, {}, is_published=True),
    )


def refusal(record: Record) -> RolledBack | None:
    """The standing error of a target whose newest revision is skipped; None: none is."""
    pin = record.pin
    if pin is None or pin.by is not PinnedBy.FAILURE:
        return None
    error = RolledBack(
        f"{named(pin.refused_version, pin.refused_revision)} was rolled back: {pin.reason};"
        " the files of before stay until a newer one comes",
        hint="correct the config at the service: a newer revision is taken at once",
    )
    error.refused = Refused(pin.refused_version, pin.refused_revision)
    return error


def named(version: int | None, revision: str | None) -> str:
    """A revision as messages call it."""
    return f"version {version}" if version is not None else f"revision {revision}"
