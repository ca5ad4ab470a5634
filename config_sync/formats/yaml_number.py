"""JSON's numbers for readers of YAML: how one is spelled, and which have no spelling that all take for a number.

Measured with 18 readers. No reader has a number beyond a double: some have infinity, some the text. Integers of more
than 64 bits are numbers for all but two: to goccy/go-yaml they are texts, and serde_yaml gives up on some.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from config_sync.document import Parts, children
from config_sync.model import JsonValue, Number

MAX_CHARACTERS = 1_000
"""SnakeYAML takes a longer number than 1,024 characters for a text."""
_WIDE_DIGITS = 19
"""Of 2**63; 2**64 has one more."""
MAX_SAFE_DIGITS = 300
"""Without an exponent, a number of so many characters is well within a double."""
_NUMBER = re.compile(r"(-?[0-9]+)(\.[0-9]+)?(?:[eE]([+-]?)([0-9]+))?")


def spelled(text: str) -> str:
    """A JSON number for readers of YAML 1.1 too: ``1e16`` as ``1.0e+16``; integers and digits stay."""
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] is None and found[4] is None):
        return text
    exponent = "" if found[4] is None else f"e{found[3] or '+'}{found[4]}"
    return found[1] + (found[2] or ".0") + exponent


def why_not(text: str) -> str | None:
    """Why a number cannot be written, in a clause without its digits; None where it can."""
    if len(text) > MAX_CHARACTERS:
        return f"a number of more than {MAX_CHARACTERS} characters is a text to some readers of YAML"
    has_exponent = "e" in text or "E" in text
    is_suspect = has_exponent or len(text) > MAX_SAFE_DIGITS
    if is_suspect and _NUMBER.fullmatch(text) is not None and math.isinf(float(text)):
        return "a number beyond a double is a text or infinity to readers of YAML"
    return None


def wide_integers(value: JsonValue, parts: Parts = ()) -> Iterator[Parts]:
    """The places of the integers in a container that do not fit into 64 bits, with a sign or without."""
    for key, child in children(value):
        if isinstance(child, Number):
            if len(child.text) >= _WIDE_DIGITS and _is_wide(child.text):
                yield (*parts, key)
        elif isinstance(child, (dict, list)):
            yield from wide_integers(child, (*parts, key))


def _is_wide(text: str) -> bool:
    digits = text.lstrip("-")
    return digits.isdigit() and (len(digits) > _WIDE_DIGITS + 1 or not -(2**63) <= int(text) < 2**64)
