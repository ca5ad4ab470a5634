"""The measured vectors of `tests/data` as typed values, and options as the settings would give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

from config_sync.document import parse_document
from config_sync.fields import ListNode, MapNode, Node, Place, Problems, ScalarNode, Values, parse_table
from config_sync.formats import FORMATS
from config_sync.model import AbsolutePath, Document, Format

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Option: TypeAlias = "bool | int | str | list[str] | dict[str, str]"

_DATA = Path(__file__).parents[2] / "data"
PLACE = Place("settings.yaml", 7, 3, "targets.t.files[0]")


def load(name: str) -> dict[str, Json]:
    """A file of vectors."""
    return mapping(cast("Json", json.loads((_DATA / name).read_text("utf-8"))))


def mapping(value: Json) -> dict[str, Json]:
    """The value, which is an object."""
    assert isinstance(value, dict)
    return value


def objects(value: Json) -> list[dict[str, Json]]:
    """The value, which is an array of objects."""
    assert isinstance(value, list)
    return [mapping(item) for item in value]


def text(value: Json) -> str:
    """The value, which is a string."""
    assert isinstance(value, str)
    return value


def document(value: Json) -> Document:
    """A document with that value."""
    return parse_document(json.dumps(value, ensure_ascii=False).encode("utf-8"))


def options(name: str, given: Mapping[str, Option], problems: Problems | None = None) -> Values:
    """Options of a format, parsed as the settings parse them. Raises Invalid."""
    entries: dict[str, Node] = {key: _node(value) for key, value in given.items()}
    node = MapNode(PLACE, entries, dict.fromkeys(entries, PLACE))
    return parse_table(FORMATS[name].fields, node, problems if problems is not None else Problems())


def built(name: str, given: Mapping[str, Option] | None = None, *, source: str = "") -> Format:
    """A format with options; a template's source is `source`."""

    def read(_path: AbsolutePath) -> str:
        return source

    return FORMATS[name].build(options(name, given or {}), read)


def _node(value: Option) -> Node:
    if isinstance(value, list):
        return ListNode(PLACE, tuple(_node(item) for item in value))
    if isinstance(value, dict):
        entries: dict[str, Node] = {key: _node(one) for key, one in value.items()}
        return MapNode(PLACE, entries, dict.fromkeys(entries, PLACE))
    if isinstance(value, bool):
        return ScalarNode(PLACE, str(value).lower(), "bool")
    return ScalarNode(PLACE, str(value), "int" if isinstance(value, int) else "str")
