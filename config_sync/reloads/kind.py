"""What a reload kind is: a word in the settings, the keys beside it, and how they become something that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from config_sync.fields import Field, Values
from config_sync.model import Reload


@dataclass(frozen=True, slots=True)
class ReloadKind:
    """One kind of reload. `fields[0]` is the key that names the kind; `not_yet`: declared, refused in this version.

    `build` raises ValueError, with the sentence to show, where the keys do not fit together. `warning` is the sentence
    for what works but may surprise.
    """

    key: str
    fields: tuple[Field[object], ...]
    build: Callable[[Values], Reload]
    doc: str
    not_yet: bool = False
    warning: Callable[[Values], str | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Doubt:
    """What on this machine, now and for this user, stands in the way of a reload. `is_error`: it cannot pass."""

    message: str
    hint: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a failure means: its reason, a word that is stable, and what to do."""

    reason: str
    hint: str


@runtime_checkable
class Examined(Protocol):
    """A reload that can say beforehand, without telling anyone, what would stand in its way (``config-sync check``)."""

    def doubts(self) -> Iterator[Doubt]:
        """All that can be found out."""
        ...
