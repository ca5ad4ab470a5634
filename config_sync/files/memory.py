"""What a process knows of its destinations between two writes. All of it may be lost: then more is done, not less."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

Version = tuple[int, int, int]
"""Device, inode and mtime (ns). The mtime, because a number may be given to a new file, and each write moves it."""

_CLEAR_FOR_S = 60.0
"""As old as a leftover of others must be at least (`leftovers`): what a listing more often finds is not removed."""


def version_of(info: os.stat_result) -> Version:
    """What tells a file that we wrote from all others that its name leads to, before and after."""
    return info.st_dev, info.st_ino, info.st_mtime_ns


@dataclass(slots=True)
class Memory:
    """What this process knows of destinations, by real path. Shared by threads: single set and dict operations only."""

    settled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The `Version` of a file that we know to be durable; device and inode of a generation."""
    loose: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The same of what we put or found in place with ``durability: none``, and of its directories."""
    suspect: set[str] = field(default_factory=set)
    """An fsync failed: the page cache may show what the disk does not hold, so only a new file is believed."""
    cleared: dict[str, float] = field(default_factory=dict)
    """When (Unix time) nothing of ours was left beside it, and we have put nothing there since that stayed."""

    def is_known(self, path: str, *, durable: bool) -> bool:
        """Whether this process has looked after the destination before, and as `durable` as is wanted now."""
        return path in self.settled or (not durable and path in self.loose)

    def is_done(self, path: str, version: tuple[int, ...], *, durable: bool) -> bool:
        """Whether this very `version` was looked after, and as `durable` as is wanted now."""
        return version in (self.settled.get(path), None if durable else self.loose.get(path))

    def note(self, path: str, version: tuple[int, ...], *, durable: bool) -> None:
        """`version` is in place; `durable`: on the disk too. What was durable stays so, whatever is wanted now."""
        if durable:
            self.settled[path] = version
            self.loose.pop(path, None)
        elif self.settled.get(path) != version:
            self.settled.pop(path, None)
            self.loose[path] = version

    def doubt(self, path: str) -> None:
        """An fsync failed."""
        self.settled.pop(path, None)
        self.loose.pop(path, None)
        self.suspect.add(path)

    def is_clear(self, path: str, *, now: float) -> bool:
        """Whether no leftover can be there but one that another process made in the last minute."""
        at = self.cleared.get(path)
        return at is not None and 0 <= now - at < _CLEAR_FOR_S
