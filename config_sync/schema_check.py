"""A document against a JSON Schema: what does not fit, by place and keyword, and never by value.

The validator is jsonschema-rs (extra ``schema``), imported when a schema is first used. Its own messages quote the
document, so none of them is ever told or chained: `Misfit` is made of the keyword and the two paths alone. It is told
to fetch nothing: a ``$ref`` leads within the schema, or to one of the drafts' own meta-schemas.

Numbers keep their value: they go to the validator as integers or decimals, never through a float, so that 1e400 and
30 digits are compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from typing import Protocol, TypeAlias, cast

from config_sync.document import Parts, parse_document, show
from config_sync.errors import DocumentRefused
from config_sync.model import JsonValue, Number

MISSING = "`schema` needs an extra of config-sync: pip install 'config-sync[schema]'"
"""The one line for an operator whose installation lacks the extra."""
_MOST_DIGITS = 4000
"""Of an integer that Python makes of a text (4,300 by default); longer ones go as decimals of the same value."""

Plain: TypeAlias = "None | bool | int | Decimal | str | list[Plain] | dict[str, Plain]"


class BadSchema(Exception):
    """The schema cannot be used; says in a clause why."""


def is_available() -> bool:
    """Whether the extra is installed; costs no import."""
    return find_spec("jsonschema_rs") is not None


@dataclass(frozen=True, slots=True)
class Misfit:
    """One rule that the document breaks: where in the document, which keyword, and where in the schema that stands."""

    place: Parts
    keyword: str
    rule: Parts

    def __str__(self) -> str:
        said = _SAID.get(self.keyword, "does not fit")
        return f"{show(self.place)} {said} ({show(self.rule) if self.rule else self.keyword})"


_SAID = {
    "type": "is of another type",
    "enum": "is none of the allowed values",
    "const": "is not the one allowed value",
    "required": "lacks a required member",
    "additionalProperties": "has a member that is not allowed",
    "unevaluatedProperties": "has a member that is not allowed",
    "propertyNames": "has a member whose name is not allowed",
    "dependentRequired": "lacks a member that another one requires",
    "minProperties": "has too few members",
    "maxProperties": "has too many members",
    "items": "has an item that is not allowed",
    "additionalItems": "has an item that is not allowed",
    "unevaluatedItems": "has an item that is not allowed",
    "contains": "has not the items that it must contain",
    "minItems": "has too few items",
    "maxItems": "has too many items",
    "uniqueItems": "has the same item twice",
    "minimum": "is too small",
    "exclusiveMinimum": "is too small",
    "maximum": "is too large",
    "exclusiveMaximum": "is too large",
    "multipleOf": "is not a multiple of what it must be",
    "minLength": "is too short",
    "maxLength": "is too long",
    "pattern": "does not match the pattern",
    "format": "is not of the format",
    "anyOf": "fits none of the alternatives",
    "oneOf": "does not fit exactly one of the alternatives",
    "not": "fits what it must not",
}
"""What a keyword's failure means (JSON Schema 2020-12, Validation 6, Core 10 and 11); the others only do not fit."""


class _Error(Protocol):
    """The part of the library's error that holds no value."""

    @property
    def instance_path(self) -> list[str | int]:
        """Where in the document."""
        ...

    @property
    def schema_path(self) -> list[str | int]:
        """Where in the schema."""
        ...


class _Validator(Protocol):
    """The part of the library's validator that is used."""

    def is_valid(self, instance: Plain) -> bool:
        """Whether the document fits."""
        ...

    def iter_errors(self, instance: Plain) -> Iterator[_Error]:
        """What does not."""
        ...


class Schema:
    """A schema that was understood: drafts 4, 6, 7, 2019-09 and 2020-12 by its ``$schema``, else 2020-12."""

    def __init__(self, content: bytes) -> None:
        """Raises BadSchema: no strict JSON, no schema of a known draft, or it refers to what is not in it."""
        self._validator = _compiled(content)

    def misfits(self, value: JsonValue) -> tuple[Misfit, ...]:
        """The rules that the document breaks, each place once; empty where it fits."""
        try:
            plain = _plain(value)
        except InvalidOperation:  # an exponent beyond what Decimal holds: nothing can be said of it
            return (Misfit((), "schema", ()),)
        if self._validator.is_valid(plain):
            return ()
        try:
            found = dict.fromkeys(map(_misfit, self._validator.iter_errors(plain)))
        except ValueError:  # the library cannot show an integer of more than 4,300 digits to Python
            found = {}
        return tuple(found) or (Misfit((), "schema", ()),)


def _misfit(error: _Error) -> Misfit:
    rule = tuple(error.schema_path)
    keyword = next((str(one) for one in reversed(rule) if isinstance(one, str)), "schema")
    return Misfit(tuple(error.instance_path), keyword, rule)


def _compiled(content: bytes) -> _Validator:
    # The library's import costs 40 ms, which only a target with a schema pays.
    import jsonschema_rs

    why = ""
    try:
        parse_document(content)
    except DocumentRefused as error:
        why = error.message.replace("the document", "it")
    if why:
        raise BadSchema(why)
    try:
        return cast("_Validator", jsonschema_rs.validator_for(content.decode(), mask="…", offline=True))
    except jsonschema_rs.ValidationError as error:
        # Of the schema, which is the operator's own file and no secret; still only its first line.
        place = show(error.instance_path) if error.instance_path else "the top of the schema"
        why = f"{place}: {error.message.splitlines()[0][:300]}"
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        why = str(error).splitlines()[0][:300]
    raise BadSchema(why)


def _plain(value: JsonValue) -> Plain:
    match value:
        case Number():
            is_short = len(value.text) <= _MOST_DIGITS and value.text.lstrip("-").isdigit()
            return int(value.text) if is_short else Decimal(value.text)
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case _:
            return value
