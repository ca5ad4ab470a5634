"""Why something failed, as an operator reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason of a failure: what it means, and what a person can do."""

    meaning: str
    remedy: str
