"""One value as TOML 1.0, in one line: for templates that write TOML files."""

from __future__ import annotations

import math
import re

from config_sync.formats.kind import NoSpelling
from config_sync.model import JsonValue, Number

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_MAX_I64_DIGITS = 19


def toml_value(value: JsonValue) -> str:
    """A basic string, a number as spelled, a boolean, an array or an inline table.

    Raises:
        NoSpelling: null, an integer beyond 64 bits, which readers may refuse (TOML 1.0, "Integer"), or a number beyond
            a double ("Float"), which would be read as infinity.
    """
    match value:
        case None:
            raise NoSpelling("TOML has no null")
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case Number():
            return _number(value.text)
        case list():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case _:
            members = ", ".join(f"{_key(name)} = {toml_value(child)}" for name, child in value.items())
            return "{ " + members + " }" if members else "{}"


def _string(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found.group()) or f"\\u{ord(found.group()):04x}", text) + '"'


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _number(text: str) -> str:
    digits = text.lstrip("-")
    if digits.isdigit() and (len(digits) > _MAX_I64_DIGITS or not -(2**63) <= int(text) < 2**63):
        raise NoSpelling("an integer of TOML has at most 64 bits")
    if not digits.isdigit() and math.isinf(float(text)):
        raise NoSpelling("a number of TOML is no larger than a double")
    return text
