"""A `Difference` as the lines of a unified diff; what a diff has no form for stands in lines that begin with ``#``."""

from __future__ import annotations

import grp
import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from config_sync.model import Pin, PinnedBy, Record
from config_sync.reconciler.comparing import Change, Difference, FileDifference
from config_sync.reconciler.desired import Desired
from config_sync.reconciler.outlines import printable
from config_sync.ways_back import refusal

_COLOURS = {"-": "31", "+": "32", "@": "36", "#": "1"}
"""By the first character of a line: red, green, cyan, bold (ECMA-48, 8.3.117)."""


@dataclass(frozen=True, slots=True)
class Painter:
    """Colours for people: on a terminal only, and not with $NO_COLOR (no-color.org)."""

    is_on: bool

    @classmethod
    def for_stdout(cls) -> Painter:
        """As stdout is now."""
        is_terminal = sys.__stdout__ is not None and sys.__stdout__.isatty()
        return cls(is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")

    def paint(self, line: str) -> str:
        """The line in the colour of its first character."""
        colour = _COLOURS.get(line[:1]) if self.is_on else None
        return line if colour is None else f"\x1b[{colour}m{line}\x1b[0m"


def lines_of(found: Difference, desired: Desired, record: Record | None, painter: Painter) -> Iterator[str]:
    """All lines of one target; none where its files are as the service has them."""
    if not found.files:
        return
    for line in _head(found, desired, record):
        yield painter.paint(line)
    for one in found.files:
        for line in _of_file(one):
            yield painter.paint(line)
    if found.is_told:
        told = "; ".join(reload.describe() for reload in found.target.reload) or "the probe alone"
        yield painter.paint(f"# then: {told}")


def _head(found: Difference, desired: Desired, record: Record | None) -> Iterator[str]:
    before = None if record is None else _named(record.version, record.revision)
    after = _named(desired.story.version, desired.story.revision)
    versions = f"{after} at the service" if before is None else f"{before} on disk, {after} at the service"
    yield f"# {found.target.name}: {versions if before != after else after}"
    if record is not None:
        said = _pinned(record, record.pin) if found.is_held and record.pin is not None else None
        if said is not None:
            yield f"# {said}"
        if record.attempting is not None and not record.attempting.is_published:
            yield "# a publish was begun and did not end: the next pass ends it"


def _pinned(record: Record, pin: Pin) -> str:
    """Why this waits."""
    if pin.by is PinnedBy.FAILURE and (refused := refusal(record)) is not None:
        return f"skipped: {refused.message}"
    since = f" since {_at(pin.since)}" if pin.since is not None else ""
    until = f" until {_at(pin.until_at)}" if pin.until_at is not None else ""
    why = f" ({printable(pin.reason)})" if pin.reason else ""
    return f"held{since}{until}{why}: a sync changes nothing, and this waits"


def _of_file(one: FileDifference) -> Iterator[str]:
    path = printable(one.path)
    yield f"--- {'/dev/null' if one.change is Change.CREATED else path}"
    yield f"+++ {'/dev/null' if one.change is Change.REMOVED else path}"
    for attribute in one.attributes:
        after = _shown(attribute.name, attribute.after)
        is_new = one.change is Change.CREATED
        yield f"# {attribute.name} {after if is_new else f'{_shown(attribute.name, attribute.before)} -> {after}'}"
    if one.note is not None:
        yield f"# {one.note}"
    for line in one.lines:
        yield f"{line.side.value}{line.text}"


def _shown(name: str, value: int | str) -> str:
    """An id with its name, a mode in octal."""
    if not isinstance(value, int):
        return value
    try:
        match name:
            case "mode":
                return f"{value:04o}"
            case "owner":
                return f"{pwd.getpwuid(value).pw_name} ({value})"
            case _:
                return f"{grp.getgrgid(value).gr_name} ({value})"
    except (KeyError, OverflowError):
        return str(value)


def _named(version: int | None, revision: str | None) -> str | None:
    if version is not None:
        return f"version {version}"
    return f"revision {revision}" if revision is not None else None


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
