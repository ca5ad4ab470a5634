"""What a reload kind is: a word in the settings, the keys beside it, and how they become something that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config_sync.fields import Field, Values
from config_sync.model import Reload


@dataclass(frozen=True, slots=True)
class ReloadKind:
    """One kind of reload. `fields[0]` is the key that names the kind; `not_yet`: declared, refused in this version.

    `build` raises ValueError, with the sentence to show, where the keys do not fit together.
    """

    key: str
    fields: tuple[Field[object], ...]
    build: Callable[[Values], Reload]
    doc: str
    not_yet: bool = False


def later(key: str, *table: Field[object], doc: str) -> ReloadKind:
    """A kind that a later version brings: its keys are known, so that the error can say so."""

    def refuse(_: Values) -> Reload:
        raise ValueError(f"{key!r} is not in this version")

    return ReloadKind(key, table, refuse, doc, not_yet=True)
