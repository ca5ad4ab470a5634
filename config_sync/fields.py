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
class Expansion:
    """What a scalar says once its ``${NAME}`` are replaced; only kinds that stand for a path, a name or a URL look.

    `unset` names the variables that have no value and no default. They are an error where `is_needed`; else they keep
    standing in `text` as they were written.
    """

    text: str
    tag: str = "str"
    unset: tuple[str, ...] = ()
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar as written. `tag` is YAML's resolved word: ``str int float bool null``.

    `expansion` is there where the text holds a variable.
    """

    place: Place
    text: str
    tag: str = "str"
    expansion: Expansion | None = None


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


def refuse(node: Node, problems: Problems, message: str, *, hint: str | None = None) -> Invalid:
    """Report at the node; the caller raises what is returned."""
    problems.error(node.place, message, hint=hint)
    return Invalid()


def scalar(node: Node, problems: Problems, expected: str) -> ScalarNode:
    """The node as a scalar that is not null. Raises Invalid."""
    if isinstance(node, ScalarNode) and node.tag != "null":
        return node
    given = {ListNode: "a list", MapNode: "a mapping"}.get(type(node), "null")
    raise refuse(node, problems, f"expected {expected}, not {given}")


def expanded(node: Node, problems: Problems, expected: str) -> ScalarNode:
    """The node as a scalar with its variables replaced. Raises Invalid, also for one that is unset and needed."""
    one = scalar(node, problems, expected)
    if one.expansion is None:
        return one
    if one.expansion.unset:
        report_unset(one, one.expansion, problems)
        if one.expansion.is_needed:
            raise Invalid
    return ScalarNode(one.place, one.expansion.text, one.expansion.tag)


def report_unset(node: ScalarNode, expansion: Expansion, problems: Problems) -> None:
    """An error where the variables are needed, else a warning."""
    names = " and ".join(f"${name}" for name in dict.fromkeys(expansion.unset))
    hint = f"set it, or write a default: ${{{expansion.unset[0]}:-default}}; $${{ is a literal ${{"
    report = problems.error if expansion.is_needed else problems.warn
    report(node.place, f"{names} is not set", hint=hint)


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
    reference writes it. `not_yet`: a later version brings the key; until then only null and a `default` that is not
    None are accepted, since they ask for nothing, and all else is refused as not in this version.
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


def quoted(text: str) -> str:
    """A text as it is shown in messages: quoted, and cut after 80 characters."""
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None


def parse_table(table: Sequence[Field[object]], node: Node, problems: Problems) -> Values:
    """A mapping by a table: every unknown key, missing key and wrong value is reported, then Invalid is raised."""
    values, is_right = parse_partly(table, node, problems)
    if not is_right:
        raise Invalid
    return values


def parse_partly(table: Sequence[Field[object]], node: Node, problems: Problems) -> tuple[Values, bool]:
    """As `parse_table`, for a caller who goes on looking for problems: a wrong value is left at its default.

    The flag says whether everything is right. Raises Invalid where there is no mapping at all.
    """
    working = tuple(one.key for one in table if not one.not_yet)
    if not isinstance(node, MapNode):
        raise refuse(node, problems, "expected a mapping of " + ", ".join(working))
    known = {one.key: one for one in table}
    values: dict[str, object] = {one.key: one.default for one in table}
    places: dict[str, Place] = {}
    is_right = True
    for key, child in node.entries.items():
        declared = known.get(key)
        if declared is None:
            near = nearest(key, working)
            hint = f"did you mean {near!r}?" if near else "known here: " + ", ".join(sorted(working))
            problems.error(node.key_places[key], f"unknown key {quoted(key)}", hint=hint)
            is_right = False
            continue
        if isinstance(child, ScalarNode) and child.tag == "null" and declared.nullable and not declared.is_required:
            continue
        if declared.not_yet:
            if not _asks_for_nothing(declared, child):
                problems.error(node.key_places[key], f"{key!r} is not in this version", hint="remove it")
                is_right = False
            continue
        places[key] = child.place
        try:
            values[key] = declared.kind.parse(child, problems)
        except Invalid:
            is_right = False
    for one in table:
        if one.is_required and one.key not in node.entries:
            problems.error(node.place, f"{one.key!r} is missing; expected {one.kind.expected}")
            is_right = False
    return Values(node.place, values, places), is_right


def _asks_for_nothing(declared: Field[object], node: Node) -> bool:
    """Whether a key of a later version says only what holds today (``prune: false``)."""
    if declared.default is None:
        return False
    try:
        return declared.kind.parse(node, Problems()) == declared.default
    except Invalid:
        return False


Parser: TypeAlias = Callable[[Node, Problems], T]
