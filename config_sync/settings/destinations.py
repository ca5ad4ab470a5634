"""Two files of the settings that would be written to one place, however they are spelled."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from config_sync.fields import Place, Problems
from config_sync.model import AbsolutePath


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a file goes, and whose it is."""

    target: str
    path: AbsolutePath
    place: Place


_Identity: TypeAlias = "tuple[int, int, str] | str"


def report_shared(destinations: Iterable[Destination], problems: Problems) -> None:
    """An error at each destination that an earlier one reaches too, naming both targets."""
    taken: dict[_Identity, Destination] = {}
    for one in destinations:
        first = taken.setdefault(identity_of(one.path), one)
        if first is one:
            continue
        targets = f"targets {first.target!r} and {one.target!r} write"
        whose = targets if first.target != one.target else f"target {one.target!r} writes twice"
        spelled = "" if first.path == one.path else f", there spelled {first.path}"
        where = f"at line {first.place.line} already" if first.place.line else "elsewhere"
        problems.error(
            one.place,
            f"{whose} one file: {one.path} is named {where}{spelled}",
            hint="one file has one source: remove one of them, or give it another path",
        )


def report_shared_sets(sets: Iterable[Destination], problems: Problems) -> None:
    """An error at each directory that an earlier ``layout: directory`` has already: there is one ``..data`` in it."""
    taken: dict[_Identity, Destination] = {}
    for one in sets:
        first = taken.setdefault(identity_of(one.path), one)
        if first is not one:
            problems.error(
                one.place,
                f"targets {first.target!r} and {one.target!r} both switch all of {one.path} (layout: directory)",
                hint="make them one target, or give each a directory of its own",
            )


def identity_of(path: AbsolutePath) -> _Identity:
    """What the path reaches: the nearest directory that exists, by device and inode, and the names below it.

    Links are followed, also a last one, since the writer follows it. A loop or an unreadable directory leaves the text.
    """
    try:
        reached = os.path.realpath(path)
        below: list[str] = []
        while reached != "/":
            reached, name = os.path.split(reached)
            below.append(name)
            try:
                found = os.stat(reached)
            except FileNotFoundError:
                continue
            return found.st_dev, found.st_ino, "/".join(reversed(below))
    except (OSError, ValueError):  # ValueError: a name that the file system's encoding does not have
        pass
    return str(path)
