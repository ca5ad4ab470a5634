"""What a lane of proofs needs to know of one thing that the writer does. One file in `scenarios` adds more of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from config_sync.files import Calls
from tests.system.writing import scenarios

OLD, NEW = "old", "new"
BETWEEN = "between"
"""What may be seen; everything else is a failure of the writer, and says what it is. `BETWEEN` only by scenarios of
writes that do not promise one of the two; what it is there, they say."""
WHOLE = frozenset({OLD, NEW})
BY_AND_BY = frozenset({OLD, BETWEEN, NEW})


class Scenario(Protocol):
    """A change of one thing from old to new, done by a fresh process. All paths are below the given `place`."""

    @property
    def name(self) -> str:
        """In words with dashes; the id of its tests."""

    @property
    def may_show(self) -> frozenset[str]:
        """What may be seen before an act has come to its end: `WHOLE`, or `BY_AND_BY` where no more is promised."""

    def prepare(self, place: Path) -> None:
        """Makes the world before: `place` is an empty directory that every user can enter."""

    def precede(self, place: Path) -> None:
        """What a predecessor did last before it died: unlike all of `prepare`, a power cut may undo it."""

    def act(self, place: Path, calls: Calls) -> None:
        """Does it; whoever comes after a crash does the same again. Raises FileError as the writer does."""

    def see(self, place: Path) -> str:
        """`OLD`, `NEW`, or what is there instead; bytes, mode and owner count."""

    def untouched(self, place: Path) -> object:
        """All that must be equal while the old thing stands: also its inode and its time."""

    def litter(self, place: Path) -> list[str]:
        """What is there of ours beside the thing itself; empty once a run has come to its end."""


def all_scenarios() -> Mapping[str, Scenario]:
    """By name: those that the modules of `scenarios` list as ``SCENARIOS``."""
    found: dict[str, Scenario] = {}
    for module in pkgutil.iter_modules(scenarios.__path__):
        listed: tuple[Scenario, ...] = importlib.import_module(f"{scenarios.__name__}.{module.name}").SCENARIOS
        for one in listed:
            if one.name in found:
                raise ValueError(f"two scenarios are called {one.name}")
            found[one.name] = one
    return found
