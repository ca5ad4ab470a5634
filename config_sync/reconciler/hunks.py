"""Two outlines as the hunks of a unified diff. Pure."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from config_sync.reconciler.outlines import MASK, Line

_CONTEXT = 3
"""Lines before and after a change, as diff(1) has it."""
_WINDOW = 500
"""Lines of either side that are matched with each other at a time."""


class Side(enum.Enum):
    """What a line of a hunk is; the value is its first character."""

    PLACE = "@"
    BOTH = " "
    OLD = "-"
    NEW = "+"


@dataclass(frozen=True, slots=True)
class HunkLine:
    """A line as it is shown, but for its first character."""

    side: Side
    text: str


def hunks(old: Sequence[Line], new: Sequence[Line]) -> tuple[HunkLine, ...]:
    """What differs, with some lines around it; empty where nothing does.

    A masked line that stands for something else than the one before at its place says that it is changed.
    """
    return tuple(line for group in _groups(_opcodes(old, new)) for line in _hunk(group, old, new))


_Opcode = tuple[str, int, int, int, int]


def _opcodes(old: Sequence[Line], new: Sequence[Line]) -> list[_Opcode]:
    """As `difflib` gives them, equal runs as long as they are."""
    found: list[_Opcode] = []
    for code in _compared([_key(line) for line in old], [_key(line) for line in new]):
        if found and found[-1][0] == code[0] == "equal":
            found[-1] = ("equal", found[-1][1], code[2], found[-1][3], code[4])
        else:
            found.append(code)
    return found


_Key = tuple[str, str]


def _compared(old: list[_Key], new: list[_Key]) -> Iterator[_Opcode]:
    """A window after the other: matching all of it at once would take a power of its length."""
    i = j = 0
    while i < len(old) or j < len(new):
        if run := _equal(old, new, i, j):
            yield ("equal", i, i + run, j, j + run)
            i, j = i + run, j + run
            continue
        one, other = old[i : i + _WINDOW], new[j : j + _WINDOW]
        codes = SequenceMatcher(None, one, other).get_opcodes()
        is_end = i + len(one) == len(old) and j + len(other) == len(new)
        if not is_end:  # what the window cut off is matched again with what follows
            last = next((at for at in reversed(range(len(codes))) if codes[at][0] == "equal"), len(codes) - 1)
            codes = codes[: last + 1]
        for tag, a1, a2, b1, b2 in codes:
            yield (tag, i + a1, i + a2, j + b1, j + b2)
        i, j = i + codes[-1][2], j + codes[-1][4]


def _equal(old: list[_Key], new: list[_Key], i: int, j: int) -> int:
    """How many lines are the same from there on."""
    run = 0
    while i + run < len(old) and j + run < len(new) and old[i + run] == new[j + run]:
        run += 1
    return run


def _key(line: Line) -> _Key:
    return line.shown, line.hidden


def _groups(codes: list[_Opcode]) -> Iterator[list[_Opcode]]:
    """Changes with their surroundings; those that are near to each other in one."""
    group: list[_Opcode] = []
    for index, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        is_first, is_last = index == 0, index == len(codes) - 1
        if not is_first and not is_last and i2 - i1 <= 2 * _CONTEXT:
            group.append((tag, i1, i2, j1, j2))
            continue
        if not is_first:
            group.append((tag, i1, min(i2, i1 + _CONTEXT), j1, min(j2, j1 + _CONTEXT)))
            yield group
            group = []
        if not is_last:
            group.append((tag, max(i1, i2 - _CONTEXT), i2, max(j1, j2 - _CONTEXT), j2))
    if any(tag != "equal" for tag, *_ in group):
        yield group


def _hunk(group: list[_Opcode], old: Sequence[Line], new: Sequence[Line]) -> Iterator[HunkLine]:
    _, i1, _, j1, _ = group[0]
    _, _, i2, _, j2 = group[-1]
    yield HunkLine(Side.PLACE, f"@ -{_range(i1, i2)} +{_range(j1, j2)} @@")
    gone: dict[str, set[str]] = defaultdict(set)
    for tag, a1, a2, _, _ in group:
        if tag != "equal":
            for line in old[a1:a2]:
                if line.place is not None:
                    gone[line.place].add(line.hidden)
    for tag, a1, a2, b1, b2 in group:
        if tag == "equal":
            yield from (HunkLine(Side.BOTH, line.shown) for line in old[a1:a2])
            continue
        yield from (HunkLine(Side.OLD, line.shown) for line in old[a1:a2])
        for line in new[b1:b2]:
            is_changed = line.place in gone and line.hidden not in gone[line.place] and MASK in line.shown
            yield HunkLine(Side.NEW, f"{line.shown} (changed)" if is_changed else line.shown)


def _range(start: int, end: int) -> str:
    """As diff(1) counts: from 1, and of an empty range the line before it."""
    count = end - start
    begin = start + 1 if count else start
    return f"{begin}" if count == 1 else f"{begin},{count}"
