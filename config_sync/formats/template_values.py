"""What a template sees of a document, and how the results of its expressions are spelled.

A number is an `int` or `float` that remembers its spelling: printed, it is the document's text (``1.10``, 30 digits);
compared and computed with, it is an ordinary number, and the result of computing is spelled anew. An integer too long
for `int` to be safe (Python stops at 4,300 digits, because parsing is quadratic) is a float when computed with.
Booleans, null and containers are spelled as JSON; what has no JSON, such as a method or a generator, has no text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from config_sync.document import Parts, compact_json, walk
from config_sync.formats.template_limits import grow, spend
from config_sync.model import JsonValue, Number

_MAX_INT_DIGITS = 1000


class NoText(Exception):
    """An expression's result cannot be written; the message says what it is, never what it holds."""


class SpelledInt(int):
    """An integer that prints as the document spells it (``-0``)."""

    spelling: str

    def __str__(self) -> str:
        return self.spelling

    __repr__ = __str__


class SpelledFloat(float):
    """A number that prints as the document spells it (``1.10``, ``1e3``)."""

    __slots__ = ("spelling",)
    spelling: str

    def __str__(self) -> str:
        return self.spelling

    __repr__ = __str__


def to_template(value: JsonValue) -> object:
    """A copy of the value in which numbers can be computed with."""
    match value:
        case Number():
            return _number(value.text)
        case list():
            return [to_template(item) for item in value]
        case dict():
            return {name: to_template(child) for name, child in value.items()}
        case _:
            return value


def from_template(value: object) -> JsonValue:
    """The JSON of an expression's result.

    Raises:
        NoText: it is not made of JSON's kinds, or is not a finite number.
        TooMuch: it refers to its own parts so often that it has no end, or is more text than any file of ours.
    """
    whole = _json_of(value)
    if isinstance(whole, (dict, list)):
        grow(sum(_length(parts, one) for parts, one in walk(whole)))
    return whole


def _json_of(value: object) -> JsonValue:
    spend()
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case SpelledInt() | SpelledFloat():
            return Number(value.spelling)
        case int():
            return Number(str(value))
        case float():
            if not math.isfinite(value):
                raise NoText("a number that is not finite")
            return Number(json.dumps(value))
        case Mapping():
            return {_member(name): _json_of(child) for name, child in value.items()}
        case Sequence():
            return [_json_of(item) for item in value]
        case _:
            raise NoText("no text, number, boolean, list or object")


def spelled(value: object) -> str:
    """The text of an expression's result: a string as it is, everything else as compact JSON. Raises NoText."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (SpelledInt, SpelledFloat)):
        return value.spelling
    return compact_json(from_template(value))


def _length(parts: Parts, value: JsonValue) -> int:
    """About so many characters are written for a value and its own name."""
    name = parts[-1] if parts else ""
    return len(str(name)) + (len(value) if isinstance(value, str) else 1)


def _member(name: object) -> str:
    if isinstance(name, str):
        return name
    raise NoText("an object with a key that is no text")


def _number(text: str) -> object:
    if text.lstrip("-").isdigit() and len(text) <= _MAX_INT_DIGITS:
        whole = SpelledInt(text)
        whole.spelling = text
        return whole
    other = SpelledFloat(text)
    other.spelling = text
    return other
