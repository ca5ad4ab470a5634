"""What an operator asks of one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

MAX_HOLD_S = 10 * 366 * 86400.0
"""The longest hold with a time; its end stays a date that can be told."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave what is on disk as it is, for `for_s` seconds or (None) until it is resumed. `who` is the user's name."""

    for_s: float | None = None
    reason: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """End the hold."""

    who: str | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Publish what `to` names, a revision (or its beginning) or a version, and hold that; None: what was before."""

    to: str | None = None
    who: str | None = None


Order: TypeAlias = Hold | Resume | Rollback
