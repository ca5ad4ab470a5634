"""``config-sync history TARGET``: the earlier good revisions, for a rollback. Takes no lock, and asks no agent."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config_sync.cache import Revision, RevisionCache
from config_sync.cli.choosing import target_named
from config_sync.cli.loading import flag, set_up_log, settings_reader, text
from config_sync.cli.output import put
from config_sync.cli.table import aligned
from config_sync.errors import Exit, RevisionMissing, RolledBack
from config_sync.model import Pin, Record, Target
from config_sync.reconciler.earlier import on_disk
from config_sync.records import read_records
from config_sync.status.holding import Json, hold_of, said_of, skipped_of, told_time


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target, and how to show it."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print it. Raises SettingsError, UsageError, RevisionMissing (nothing is known of the target)."""
    settings = settings_reader(arguments, needs_service=False)()
    set_up_log(arguments, settings)
    target = target_named(settings, text(arguments, "target") or "")
    records = read_records(settings.agent.state_dir)
    record = records.get(target.name)
    if records.why or record is None:
        why = records.why or f"target {target.name!r} has never been written from {settings.agent.state_dir}"
        raise RevisionMissing(why, hint="run this as the agent's user, after its first sync")
    cache = RevisionCache(settings.agent.state_dir, digest_key=records.digest_key)
    rows = list(_rows(target, record, cache))
    rejected = _rejected(settings.agent.runtime_dir, target.name)
    if flag(arguments, "json"):
        page = {
            "target": target.name,
            "revisions": [row.as_json() for row in rows],
            "hold": hold_of(record),
            "skipped": skipped_of(record),
            "rejected": rejected,
        }
        put(json.dumps(page, indent=2) + "\n")
    else:
        put("\n".join([*_lines(target, record, rows, rejected), ""]))
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class _Row:
    one: Revision
    is_on_disk: bool
    is_held: bool
    refused: str | None
    """Why the target goes without it."""

    def as_json(self) -> dict[str, Json]:
        return {
            "config": self.one.ref.label,
            "revision": self.one.revision,
            "version": self.one.version,
            "saved_at": told_time(self.one.saved_at),
            "changed_by": self.one.changed_by,
            "stored_at": told_time(self.one.stored_at),
            "confirmed_at": told_time(self.one.confirmed_at),
            "on_disk": self.is_on_disk,
            "held": self.is_held,
            "refused": self.refused,
        }

    @property
    def marks(self) -> str:
        marks = ["on disk"] if self.is_on_disk else []
        marks += ["held"] if self.is_held else []
        marks += [f"refused: {self.refused}"] if self.refused is not None else []
        return ", ".join(marks)


def _rows(target: Target, record: Record, cache: RevisionCache) -> Iterator[_Row]:
    now = on_disk(target, record)
    skipping = record.skipping
    for ref in target.configs:
        for one in cache.revisions(ref):
            is_there = now.get(ref) == one.revision
            yield _Row(one, is_there, is_there and record.hold is not None, _refused(one, target, skipping))


def _refused(one: Revision, target: Target, skipping: Pin | None) -> str | None:
    if target.name not in one.refused_by:
        return None
    is_it = skipping is not None and (skipping.refused_revision == one.revision or len(target.configs) > 1)
    return skipping.reason if is_it and skipping is not None and skipping.reason else "it had to be rolled back"


def _lines(target: Target, record: Record, rows: Sequence[_Row], rejected: Mapping[str, Json] | None) -> list[str]:
    several = len(target.configs) > 1
    head = ("REVISION", "VERSION", "SAVED", "CHANGED BY", "KEPT SINCE", "")
    table = [(*(("CONFIG",) if several else ()), *head)]
    for row in rows:
        one = row.one
        cells = (_shown(one.version), _second(one.saved_at), _shown(one.changed_by), _second(one.stored_at), row.marks)
        table.append((*((one.ref.label,) if several else ()), one.revision, *cells))
    lines = aligned(table) if rows else [f"{target.name}: no revision is kept yet"]
    if record.hold is not None:
        lines.append(f"{target.name}: {said_of(record.hold)}")
    if (skipping := record.skipping) is not None:
        what = f"version {skipping.refused_version}" if skipping.refused_version is not None else "a revision"
        lines.append(f"{target.name}: {what} is skipped since {_second(skipping.since)}: {skipping.reason}")
    if rejected is not None:
        lines.append(f"{target.name}: the newest was refused since {rejected['since']}: {rejected['message']}")
    return lines


def _rejected(runtime_dir: str, name: str) -> dict[str, Json] | None:
    """What the last status says of a newest revision that never came to disk; None: nothing."""
    try:
        with open(os.path.join(runtime_dir, "status.json"), "rb") as file:
            page: object = json.loads(file.read())
    except (OSError, ValueError):
        return None
    targets = page.get("targets") if isinstance(page, dict) else None
    for one in targets if isinstance(targets, list) else ():
        if isinstance(one, dict) and one.get("name") == name and one.get("state") == "rejected":
            error = one.get("error")
            if isinstance(error, dict) and error.get("reason") != RolledBack.reason:
                return dict(error)
    return None


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def _second(at: float | None) -> str:
    shown = told_time(at)
    return "-" if shown is None else f"{shown[:19]}Z"
