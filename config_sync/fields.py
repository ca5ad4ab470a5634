"""What a setting is: one declaration that feeds validation, defaults, the reference, the JSON Schema and `--help`.

A `Field[T]` names a key and holds a `Kind[T]`, which turns a `Node` (a piece of the settings with its place) into a
`T` or reports what is wrong there. `Values` is what a table of fields made of a mapping; ``values[FIELD]`` is typed.
Formats, reloads and credentials declare their own options with these; `settings` declares the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar, cast

from config_sync.errors import Problem

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

JsonSchema: TypeAlias = "dict[str, JsonSchemaValue]"
JsonSchemaValue: TypeAlias = "None | bool | int | str | list[JsonSchemaValue] | dict[str, JsonSchemaValue]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: file, line and column from 1 (0: not in a file), and the key path."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar as written. `tag` is YAML's resolved word: ``str int float bool null``."""

    place: Place
    text: str
    tag: str = "str"


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping in source order; `key_places` says where each key itself stands."""

    place: Place
    entries: Mapping[str, Node]
    key_places: Mapping[str, Place]


Node: TypeAlias = ScalarNode | ListNode | MapNode


class Problems:
    """Collects everything that is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, place: Place, message: str, *, hint: str | None = None) -> None:
        """Something that cannot be used."""
        self.errors.append(Problem(place.file, place.line, place.column, place.path, message, hint))

    def warn(self, place: Place, message: str, *, hint: str | None = None) -> None:
        """Something that works but may surprise."""
        self.warnings.append(Problem(place.file, place.line, place.column, place.path, message, hint))


class Invalid(Exception):
    """A node could not be turned into a value; the problem is already in `Problems`."""


class Kind(Protocol[T_co]):
    """How a node becomes a value."""

    @property
    def expected(self) -> str:
        """For errors and the reference: ``a duration such as 250ms, 10s, 5m``."""
        ...

    def parse(self, node: Node, problems: Problems) -> T_co:
        """The value. Raises Invalid after adding a problem."""
        ...

    def json_schema(self) -> JsonSchema:
        """JSON Schema (2020-12) of what `parse` accepts."""
        ...


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One key.

    `default` is the value where the key is absent (None with `is_required`: an error then). `default_text` is how the
    reference writes it. `not_yet` names what will bring the key: until then it is refused as not in this version.
    """

    key: str
    kind: Kind[T]
    doc: str
    default: T | None = None
    default_text: str = "null"
    is_required: bool = False
    not_yet: bool = False
    nullable: bool = True


AnyField: TypeAlias = "Field[object]"


def fields(*declared: object) -> tuple[Field[object], ...]:
    """A table of fields of different types; the types come back through ``values[FIELD]``."""
    return tuple(cast("Field[object]", one) for one in declared)


@dataclass(frozen=True, slots=True)
class Values:
    """The parsed values of one mapping, by field."""

    place: Place
    by_key: Mapping[str, object]
    places: Mapping[str, Place] = field(default_factory=dict)

    def __getitem__(self, wanted: Field[T]) -> T:
        """The value of a field that has a default or was required."""
        return cast("T", self.by_key[wanted.key])

    def optional(self, wanted: Field[T]) -> T | None:
        """The value, or None where the key is absent or null."""
        return cast("T | None", self.by_key.get(wanted.key))

    def is_given(self, wanted: Field[T]) -> bool:
        """Whether the key stands in the settings."""
        return wanted.key in self.places

    def place_of(self, wanted: Field[T]) -> Place:
        """Where the key's value stands, else where the mapping does."""
        return self.places.get(wanted.key, self.place)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None


def parse_table(table: Sequence[Field[object]], node: Node, problems: Problems) -> Values:
    """A mapping by a table: every unknown key, missing key and wrong value is reported, then Invalid is raised."""
    if not isinstance(node, MapNode):
        problems.error(node.place, "expected a mapping of " + ", ".join(one.key for one in table))
        raise Invalid
    known = {one.key: one for one in table}
    values: dict[str, object] = {}
    places: dict[str, Place] = {}
    is_bad = False
    for key, child in node.entries.items():
        declared = known.get(key)
        if declared is None:
            near = nearest(key, tuple(known))
            hint = f"did you mean {near!r}?" if near else "known here: " + ", ".join(sorted(known))
            problems.error(node.key_places[key], f"unknown key {key!r}", hint=hint)
            is_bad = True
        elif declared.not_yet:
            problems.error(node.key_places[key], f"{key!r} is not in this version", hint="remove it")
            is_bad = True
        elif isinstance(child, ScalarNode) and child.tag == "null" and declared.nullable:
            values[key] = declared.default
        else:
            places[key] = child.place
            try:
                values[key] = declared.kind.parse(child, problems)
            except Invalid:
                is_bad = True
    for one in table:
        if one.key in values or one.not_yet:
            continue
        if one.is_required and one.key not in node.entries:
            problems.error(node.place, f"{one.key!r} is missing; expected {one.kind.expected}")
            is_bad = True
        values.setdefault(one.key, one.default)
    if is_bad:
        raise Invalid
    return Values(node.place, values, places)


Parser: TypeAlias = Callable[[Node, Problems], T]
