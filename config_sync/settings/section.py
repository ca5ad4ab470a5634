"""A mapping of the settings: a table of fields, what it becomes, and its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from config_sync.fields import (
    Field,
    JsonSchema,
    JsonSchemaValue,
    Node,
    Problems,
    Values,
    parse_table,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """A kind that is itself a table. `build` sees a mapping in which every single value is right."""

    table: tuple[Field[object], ...]
    build: Callable[[Values, Problems], T]

    @property
    def expected(self) -> str:
        """The keys that work."""
        return "a mapping of " + ", ".join(one.key for one in self.table if not one.not_yet)

    def parse(self, node: Node, problems: Problems) -> T:
        """What `build` makes of the values. Raises Invalid."""
        return self.build(parse_table(self.table, node, problems), problems)

    def json_schema(self) -> JsonSchema:
        """An object with these properties and no others."""
        return mapping_schema(self.table)


def as_values(values: Values, _problems: Problems) -> Values:
    """The `build` of a section that is read field by field."""
    return values


def mapping_schema(table: tuple[Field[object], ...]) -> JsonSchema:
    """JSON Schema (2020-12) of a mapping by a table, with descriptions and defaults."""
    required: list[JsonSchemaValue] = [one.key for one in table if one.is_required]
    properties: JsonSchema = {one.key: field_schema(one) for one in table}
    schema: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def field_schema(one: Field[object]) -> JsonSchema:
    """JSON Schema of one key's value."""
    if one.not_yet:
        return _later_schema(one)
    default = default_value(one)
    schema: JsonSchema = dict(one.kind.json_schema())
    if one.nullable and not one.is_required:
        schema = {"anyOf": [schema, {"type": "null"}]}
    schema["description"] = one.doc
    if default is not None:
        schema["default"] = default
    return schema


def _later_schema(one: Field[object]) -> JsonSchema:
    """A key of a later version: only what asks for nothing."""
    nothing: list[JsonSchemaValue] = [None] if one.default is None else [default_value(one), None]
    return {"enum": nothing, "description": f"{one.doc} (not in this version)"}


def default_value(one: Field[object]) -> JsonSchemaValue:
    """The default as the settings would write it; None where it is null or cannot be written as one value."""
    text = one.default_text
    if text.startswith(("the ", "$", "by ", "{")):
        return None
    try:
        parsed: object = json.loads(text)
    except ValueError:
        return text
    return parsed if isinstance(parsed, (bool, int, str)) else None
