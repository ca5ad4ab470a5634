"""What a probe kind is: a word in the settings, its value, and how that becomes something that looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config_sync.fields import Field, Values
from config_sync.model import Probe


@dataclass(frozen=True, slots=True)
class ProbeKind:
    """One kind of probe. `fields[0]` is the key that names the kind; ``within`` is the settings' own, beside it.

    `build` raises ValueError, with the sentence to show, where the keys do not fit together.
    """

    key: str
    fields: tuple[Field[object], ...]
    build: Callable[[Values], Probe]
    doc: str
