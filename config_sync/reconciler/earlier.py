"""Which earlier revisions a rollback goes to. Pure.

A target of several configs goes back to what was there before its last change: the configs that came with that go back
by one revision, the others stay. A revision that the target had to roll back is passed over, unless it is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.cache import Cached, Revision
from config_sync.errors import RevisionMissing, UsageError
from config_sync.model import ChangeEvent, ConfigRef, Record, Target

Kept = Mapping[ConfigRef, tuple[Revision, ...]]
"""Of each config what the cache has, newest first."""

SAME_CHANGE_S = 1.0
"""Revisions that were first kept within this time came with one pass."""
SHORTEST = 4
"""Characters that name a revision: fewer are taken for a slip of the hand."""
LONGEST = 64
"""Characters that are looked at: of thousands of digits Python makes no number."""


def on_disk(target: Target, record: Record) -> Mapping[ConfigRef, str]:
    """The revision of each config that was published last; one that is optional and was not there has none."""
    if len(target.configs) > 1:
        return {ref: record.revisions[ref.label] for ref in target.configs if ref.label in record.revisions}
    return {target.configs[0]: record.revision} if record.revision is not None else {}


def destination(target: Target, record: Record, kept: Kept, to: str | None) -> dict[ConfigRef, Revision]:
    """What each config goes back to; those that stay are in it too.

    Raises:
        RevisionMissing: the cache has no such revision, or nothing earlier.
        UsageError: `to` may mean several.
    """
    now = on_disk(target, record)
    changed = _named(target, kept, to) if to is not None else _before(target, now, kept)
    whole: dict[ConfigRef, Revision] = {}
    for ref in target.configs:
        if (found := changed.get(ref)) is not None:
            whole[ref] = found
        elif ref in now:
            there = next((one for one in kept[ref] if one.revision == now[ref]), None)
            if there is None:
                raise RevisionMissing(
                    f"config {ref.label}: revision {now[ref]}, which is on disk and would stay, is not in the cache",
                    hint="it is kept with the next sync that reaches the service",
                )
            whole[ref] = there
    return whole


def _named(target: Target, kept: Kept, to: str) -> dict[ConfigRef, Revision]:
    hint = f"'config-sync history {target.name}' lists what there is"
    if len(to) > LONGEST:
        raise UsageError(f"a version or revision has at most {LONGEST} characters", hint=hint)
    every = [one for ref in target.configs for one in kept[ref]]
    found = [one for one in every if to.isdecimal() and one.version == int(to)]
    if not found and len(to) >= SHORTEST:
        found = [one for one in every if one.revision.startswith(to.lower())]
    if not found:
        what = f"version or revision {to!r}" if to.isdecimal() else f"revision {to!r}"
        raise RevisionMissing(f"target {target.name!r}: no {what} is in the cache", hint=hint)
    if len(found) > 1:
        several = ", ".join(f"{one.revision} of config {one.ref.label}" for one in found)
        raise UsageError(f"{to!r} may mean {several}", hint="name the one by more characters of its revision")
    return {found[0].ref: found[0]}


def _before(target: Target, now: Mapping[ConfigRef, str], kept: Kept) -> dict[ConfigRef, Revision]:
    came_at: dict[ConfigRef, float] = {}
    earlier: dict[ConfigRef, Revision] = {}
    for ref, revision in now.items():
        there = next((one for one in kept[ref] if one.revision == revision), None)
        older = kept[ref][kept[ref].index(there) + 1 :] if there is not None else kept[ref]
        came_at[ref] = there.stored_at if there is not None else float("inf")
        good = next((one for one in older if target.name not in one.refused_by), None)
        if good is not None:
            earlier[ref] = good
    last = max(came_at.values(), default=0.0)
    changed = [ref for ref, at in came_at.items() if at == last or last - at < SAME_CHANGE_S]
    found = {ref: earlier[ref] for ref in changed if ref in earlier}
    if not found:
        what = ", ".join(ref.label for ref in changed)
        raise RevisionMissing(
            f"target {target.name!r}: no earlier revision{f' of {what}' if what else ''} is in the cache",
            hint=f"'config-sync history {target.name}' lists what there is; agent.history says how many are kept",
        )
    return found


def stories(chosen: Mapping[ConfigRef, Cached]) -> dict[str, ChangeEvent]:
    """Who made each revision and when, as an event would have told."""
    return {
        str(ref.name): ChangeEvent(str(ref.name), one.revision.version, one.revision.changed_by, one.revision.saved_at)
        for ref, one in chosen.items()
    }
