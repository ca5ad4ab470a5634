"""From a tree to names: every value of an object as one environment variable, and back to its JSON pointer.

A name is the prefix and then the member names on the way, joined by the separator. What two readers could split
differently, what leaves nothing of a member name, and two values that end in one name are refused with every pointer
they concern. Values become text: strings as they are, numbers as spelled, ``true`` and ``false``, containers that are
not taken apart as compact JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from config_sync.document import SHOWN_PLACES, Parts, compact_json, kind_of, show, show_some, value_at
from config_sync.errors import RenderRefused
from config_sync.formats.kind import refused
from config_sync.formats.names import NAME
from config_sync.formats.pointer_globs import Selection
from config_sync.model import JsonValue

_OTHER = re.compile(r"[^A-Za-z0-9_]")
_ANY_LEFT = re.compile(r"[A-Za-z0-9]")
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are made and what becomes a value; the options of the env format."""

    separator: str = "__"
    prefix: str = ""
    is_upper: bool = True
    arrays: str = "json"
    nulls: str = "omit"
    max_depth: int | None = None
    dash: str = "underscore"
    mapped: tuple[tuple[str, str], ...] = ()
    """Name to JSON pointer, as the operator chose them."""
    only_mapped: bool = False
    selection: Selection = field(default_factory=Selection)
    """Of what the rules write; what is mapped is written in any case."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable. `text` is a value of the document: never shown."""

    name: str
    text: str = field(repr=False)
    parts: Parts


@dataclass(frozen=True, slots=True)
class Flat:
    """All variables in document order, and sentences about what readers may misunderstand."""

    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()


def flatten(value: JsonValue, naming: Naming) -> Flat:
    """Every value under its name.

    Raises:
        RenderRefused: the top is no object, a name cannot be made, a value has no form under the options, nothing
            is where a mapped name points, or two values end in one name; the message names every pointer.
    """
    if not isinstance(value, dict):
        raise refused(
            (),
            f"an environment file needs an object at the top of the document, not {kind_of(value)}",
            hint="format: json and format: yaml can carry it",
        )
    mapped = [_mapped(name, place, value) for name, place in naming.mapped]
    taken = {name for name, _, _ in mapped}
    walk = _Walk(naming, frozenset(parts for _, parts, _ in mapped))
    chosen = [
        Entry(name, "" if one is None and naming.nulls == "empty" else text_of(one), parts)
        for name, parts, one in mapped
        if one is not None or naming.nulls != "omit"
    ]
    if naming.only_mapped:
        return Flat(tuple(chosen))
    ruled = list(walk.members(value, (), naming.prefix))
    entries = tuple(entry for entry in ruled if entry.name not in taken)
    _refuse_collisions(entries)
    return Flat((*chosen, *entries), walk.warnings([entry.parts for entry in ruled if entry.name in taken]))


def _mapped(name: str, place: str, value: JsonValue) -> tuple[str, Parts, JsonValue]:
    try:
        return name, *value_at(value, place)
    except LookupError:
        pass
    raise RenderRefused(
        f"nothing is at {place}, to which {short(name)} is mapped",
        pointer=place,
        hint="correct the pointer in env: {map: …}, or give the document that value; null will do",
    )


class _Walk:
    """One pass over one document; remembers what readers may misunderstand."""

    def __init__(self, naming: Naming, mapped: frozenset[Parts]) -> None:
        self._naming = naming
        self._mapped = mapped
        self._is_whole = naming.selection.is_everything and not mapped
        self._nested: list[Parts] = []
        self._formless: list[Parts] = []

    def members(self, value: dict[str, JsonValue], parts: Parts, stem: str) -> Iterator[Entry]:
        """Every variable below an object; `stem` is what their names start with."""
        for key, child in value.items():
            below = (*parts, key)
            if self._is_written(child, below):
                yield from self._entries(child, below, stem + self._piece(key, below))

    def _is_written(self, value: JsonValue, parts: Parts) -> bool:
        """By the rules, here or below."""
        return self._is_whole or (parts not in self._mapped and self._naming.selection.takes(value, parts))

    def warnings(self, hidden: list[Parts]) -> tuple[str, ...]:
        """One sentence a kind, however many places it concerns; `hidden`: what lost its name to a mapped value."""
        return tuple(
            f"{sentence}: {show_some(places)}"
            for places, sentence in (
                (self._nested, "key contains the separator: readers will nest it"),
                (self._formless, "empty array has no index form: left out"),
                (hidden, "left out, since `map` gives its name to another value"),
            )
            if places
        )

    def _entries(self, value: JsonValue, parts: Parts, name: str) -> Iterator[Entry]:
        naming = self._naming
        # Also for a null that is left out: a bad key is told at once, not with its first value.
        if NAME.fullmatch(name) is None:
            raise refused(
                parts,
                f"{show(parts)} gives the name {short(name)}, which starts with a digit",
                hint="set a prefix: env: {prefix: APP_}",
            )
        is_deep = naming.max_depth is not None and len(parts) >= naming.max_depth
        if isinstance(value, dict) and value and not is_deep:
            yield from self.members(value, parts, name + naming.separator)
        elif isinstance(value, list) and naming.arrays == "index" and not is_deep:
            if not value:
                self._formless.append(parts)
            for number, (below, item) in enumerate(self._items(value, parts)):
                yield from self._entries(item, below, f"{name}{naming.separator}{number}")
        elif isinstance(value, list) and naming.arrays == "comma" and value:
            yield Entry(name, self._joined(value, parts), parts)
        elif value is not None:
            yield Entry(name, text_of(naming.selection.thinned(value, parts)), parts)
        elif naming.nulls != "omit":
            yield Entry(name, "" if naming.nulls == "empty" else "null", parts)

    def _piece(self, key: str, parts: Parts) -> str:
        """What a key adds to a name."""
        naming = self._naming
        if not key:
            raise refused(parts, f"{show(parts)} has an empty key, which gives no name")
        piece = _OTHER.sub("_", key.replace("-", "") if naming.dash == "remove" else key)
        if _ANY_LEFT.search(piece) is None:
            raise refused(parts, f"{show(parts)} gives no name: no ASCII letter or digit left in key")
        if naming.separator in piece:
            self._nested.append(parts)
        return piece.upper() if naming.is_upper else piece

    def _items(self, items: list[JsonValue], parts: Parts) -> list[tuple[Parts, JsonValue]]:
        """Those of an array that are written, each with its own place in the document."""
        there = [((*parts, index), item) for index, item in enumerate(items)]
        return [(below, item) for below, item in there if self._is_written(item, below)]

    def _joined(self, items: list[JsonValue], parts: Parts) -> str:
        """The items with commas between; only where a reader that splits gets them back."""
        texts = [self._item(item, below) for below, item in self._items(items, parts)]
        if not texts:
            return "[]"
        if texts in ([""], ["[]"]):
            raise refused(parts, f"{show(parts)} cannot be told from an empty list in comma form", hint=_JSON_HINT)
        return ",".join(texts)

    def _item(self, item: JsonValue, parts: Parts) -> str:
        if isinstance(item, (dict, list)):
            raise refused(parts, f"{show(parts)} is {kind_of(item)}, which has no comma form", hint=_JSON_HINT)
        if item is None and self._naming.nulls == "omit":
            raise refused(parts, f"{show(parts)} is null, which has no comma form", hint=_JSON_HINT)
        text = "" if item is None and self._naming.nulls == "empty" else text_of(item)
        if "," in text:
            raise refused(parts, f"{show(parts)} cannot be joined: element contains the delimiter", hint=_JSON_HINT)
        return text


_JSON_HINT = "arrays: json and arrays: index can carry it"


def short(name: str) -> str:
    """A name for a message: a document may hold keys of any length."""
    return name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "…"


def text_of(value: JsonValue) -> str:
    """A string as it is, everything else as compact JSON."""
    return value if isinstance(value, str) else compact_json(value)


def _refuse_collisions(entries: tuple[Entry, ...]) -> None:
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    clashes = [(name, same) for name, same in by_name.items() if len(same) > 1]
    if not clashes:
        return
    told = "; ".join(
        f"{short(name)} is produced by {'both ' if len(same) == 2 else ''}"
        + " and ".join(show(one.parts) for one in same)
        for name, same in clashes[:SHOWN_PLACES]
    )
    more = len(clashes) - SHOWN_PLACES
    raise refused(
        clashes[0][1][0].parts,
        told + (f"; and {more} more names" if more > 0 else ""),
        hint="rename a key, or choose another separator, case or dash",
    )
