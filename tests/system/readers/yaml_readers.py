"""The real readers of YAML, each as one function from many files to what the reader has of each.

A value crosses from a reader's process as JSON with tags, so that a number is never taken for its text, nor a key that
is a number for a name: `{"number": "1.5"}`, `{"members": [[key, value], …]}`, `{"other": type}`; the rest as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from config_sync.model import JsonValue, Number
from tests.system.readers.env_readers import NODE, run

_HERE = Path(__file__).parent

Tagged: TypeAlias = "None | bool | str | list[Tagged] | dict[str, Tagged]"
Outcome: TypeAlias = "Mapping[str, Tagged]"
"""``read`` with the value, or ``failed`` with what the reader said."""


@dataclass(frozen=True, slots=True)
class YamlReader:
    """A program or library that reads YAML.

    `is_exact`: its integers have any size, and are no floats.
    """

    name: str
    read: Callable[[Sequence[Path]], Sequence[Outcome]]
    is_exact: bool = True


def tagged(value: object) -> Tagged:
    """What a Python library read, with tags."""
    match value:
        case None | bool() | str():
            return value if value is None or isinstance(value, bool) else str(value)
        case int():
            return {"number": int.__repr__(value)}
        case float():
            return {"number": float.__repr__(value)}
        case list():
            return [tagged(one) for one in value]
        case dict():
            return {"members": [[tagged(key), tagged(one)] for key, one in value.items()]}
        case _:
            return {"other": type(value).__name__}


def is_same(given: JsonValue, read: Tagged, reader: YamlReader) -> bool:
    """Whether the reader has what the document has: same types, same values, same names in any order."""
    match given, read:
        case Number(text), {"number": str(number)}:
            return _is_same_number(text, number, reader)
        case list(), list():
            return len(given) == len(read) and all(is_same(*pair, reader) for pair in zip(given, read, strict=True))
        case dict(), {"members": list(members)}:
            found: dict[str, Tagged] = {}
            for member in members:
                if not isinstance(member, list) or not isinstance(member[0], str) or member[0] in found:
                    return False
                found[member[0]] = member[1]
            return found.keys() == given.keys() and all(is_same(given[key], found[key], reader) for key in given)
        case _:
            return type(given) is type(read) and given == read and not isinstance(given, (Number, list, dict))


def _is_same_number(given: str, read: str, reader: YamlReader) -> bool:
    is_integer = given.lstrip("-").isdigit()
    if reader.is_exact:
        if is_integer != read.lstrip("-").isdigit():
            return False
        if is_integer:
            return int(given) == int(read)
    one, other = float(given), float(read)
    return one == other and (is_integer or math.copysign(1, one) == math.copysign(1, other))


def _python(name: str, load: Callable[[bytes], object]) -> YamlReader:
    def read(paths: Sequence[Path]) -> list[Outcome]:
        return [one(path) for path in paths]

    def one(path: Path) -> Outcome:
        try:
            return {"read": tagged(load(path.read_bytes()))}
        except (yaml.YAMLError, YAMLError, ValueError) as error:
            return {"failed": str(error)}

    return YamlReader(name, read)


def _ruamel(kind: str, version: str) -> Callable[[bytes], object]:
    def load(raw: bytes) -> object:
        reader = YAML(typ=kind, pure=True)
        reader.version = version
        return cast("object", reader.load(raw))

    return load


def _npm(name: str) -> YamlReader:
    def read(paths: Sequence[Path]) -> Sequence[Outcome]:
        return _outcomes(run([NODE, _HERE / "read_yaml.mjs", name, *paths]))

    return YamlReader(name, read, is_exact=False)


def _psych(paths: Sequence[Path]) -> Sequence[Outcome]:
    return _outcomes(run(["ruby", _HERE / "read_yaml.rb", *paths]))


def _outcomes(printed: bytes) -> Sequence[Outcome]:
    found: object = json.loads(printed)
    return cast("Sequence[Outcome]", found)


YAML_READERS = (
    _python("pyyaml", lambda raw: cast("object", yaml.load(raw, yaml.SafeLoader))),
    _python("pyyaml-libyaml", lambda raw: cast("object", yaml.load(raw, yaml.CSafeLoader))),
    _python("ruamel-safe-as-1.2", _ruamel("safe", "1.2")),
    _python("ruamel-safe-as-1.1", _ruamel("safe", "1.1")),
    _python("ruamel-round-trip", _ruamel("rt", "1.2")),
    _npm("js-yaml-5"),
    _npm("js-yaml-5-as-1.1"),
    _npm("js-yaml-4"),
    _npm("yaml-as-1.2"),
    _npm("yaml-as-1.1"),
    YamlReader("psych", _psych),
)
