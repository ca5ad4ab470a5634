"""From a log to every state that a cut of the power could leave.

A disk may lose any of the writes since its last flush, and none from before. So for every moment: all of them kept, all
of them lost, each single one lost, and some random choices (seeded: a failure can be had again).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.system.writing.power_cut.device import Entry

_CHOICES = 3
_SEED = 20


@dataclass(frozen=True, slots=True)
class State:
    """`moment`: how many entries had happened. `lost`: which of them never reached the medium."""

    moment: int
    lost: frozenset[int]
    is_after_return: bool

    def writes(self, log: Sequence[Entry]) -> Iterator[Entry]:
        """What did reach it, in order."""
        for number, entry in enumerate(log[: self.moment]):
            if entry.data is not None and number not in self.lost:
                yield entry


def states(log: Sequence[Entry]) -> list[State]:
    """From the first mark (the act begins) to the end; the second mark says that it returned. Each content once."""
    begin, returned = (number for number, entry in enumerate(log) if entry.is_mark)
    choose = random.Random(_SEED)
    known: set[tuple[bytes, bool]] = set()
    found: list[State] = []
    for moment in range(begin, len(log) + 1):
        flushed = max((number for number in range(moment) if log[number].is_flush), default=-1)
        loose = [number for number in range(flushed + 1, moment) if log[number].data is not None]
        for lost in _choices(loose, choose):
            state = State(moment, lost, moment > returned)
            key = (_content(state, log), state.is_after_return)
            if key not in known:
                known.add(key)
                found.append(state)
    return found


def _choices(loose: Sequence[int], choose: random.Random) -> Iterator[frozenset[int]]:
    yield frozenset()
    if loose:
        yield frozenset(loose)
        yield frozenset(loose[-1:])
        yield frozenset(loose[:1])
    for _ in range(min(_CHOICES, len(loose) - 1)):
        yield frozenset(number for number in loose if choose.random() < 0.5)


def _content(state: State, log: Sequence[Entry]) -> bytes:
    """Equal for states that hold the same bytes."""
    blocks: dict[int, bytes] = {}
    for entry in state.writes(log):
        data = entry.data or b""
        for start in range(0, len(data), 512):
            blocks[entry.offset + start] = data[start : start + 512]
    digest = hashlib.blake2b()
    for offset in sorted(blocks):
        digest.update(offset.to_bytes(8, "big") + blocks[offset])
    return digest.digest()
