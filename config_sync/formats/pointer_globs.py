"""Globs over JSON pointers: which parts of a document are written.

``*`` stands for any run of characters within one segment, ``**`` for any number of whole segments, none too. A glob
that matches a value takes all that is below it: ``/db`` and ``/db/**`` say the same of an object. In segments ``~1``
is a slash and ``~0`` a tilde, as in every pointer (RFC 6901); a star itself cannot be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from config_sync.document import Parts, children, pointer
from config_sync.model import JsonValue

POINTER = r"(?:/(?:[^~/]|~[01])*)*"
"""A JSON pointer, as a pattern: ``~`` only stands before 0 and 1."""
GLOB = POINTER.removesuffix("*") + "+"
"""A glob, as a pattern: the same, but not the whole document."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is written: all, or what an `include` matches; never what an `exclude` matches."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    _include: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _exclude: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_include", _compiled(self.include))
        object.__setattr__(self, "_exclude", _compiled(self.exclude))

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self._include is None and self._exclude is None

    def takes(self, value: JsonValue, parts: Parts) -> bool:
        """Whether the value, or something inside it, is written."""
        if self.is_everything:
            return True
        where = pointer(parts)
        if self._exclude is not None and self._exclude.fullmatch(where):
            return False
        if self._include is None or self._include.fullmatch(where):
            return True
        return any(self.takes(child, (*parts, key)) for key, child in children(value))

    def thinned(self, value: JsonValue, parts: Parts) -> JsonValue:
        """The value without what is not written inside it; items of an array move up."""
        if self.is_everything or not isinstance(value, (dict, list)):
            return value
        places = ((key, (*parts, key), child) for key, child in children(value))
        taken = [(key, self.thinned(child, below)) for key, below, child in places if self.takes(child, below)]
        if isinstance(value, list):
            return [child for _, child in taken]
        return {str(key): child for key, child in taken}


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    """One pattern for all of them; None: there are none."""
    if not globs:
        return None
    return re.compile(f"(?:{'|'.join(map(_pattern, globs))})(?:/.*)?", re.DOTALL)


def _pattern(glob: str) -> str:
    return "".join(
        "(?:/[^/]*)*" if segment == "**" else "/" + re.escape(segment).replace(r"\*", "[^/]*")
        for segment in glob.split("/")[1:]
    )
