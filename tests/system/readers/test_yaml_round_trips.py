"""Every document comes back from every YAML reader, of version 1.1 and 1.2, with the types and values it had.

Strings stand between two sentinels, as values, as keys and as items: one that swallows what follows, ends early or
sets another key shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from config_sync.document import compact_json
from config_sync.errors import RenderRefused
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import Document, JsonValue, Number
from tests.system.readers.nasty import BEYOND, NUMBERS, WORDS, measured, texts, trees
from tests.system.readers.yaml_readers import YAML_READERS, YamlReader, is_same
from tests.unit.formats.vectors import load, objects, text

pytestmark = pytest.mark.readers

GENERATED = 300


@cache
def _documents() -> tuple[JsonValue, ...]:
    strings = dict.fromkeys((*measured(), *WORDS, *texts(GENERATED, seed="yaml")))
    numbers = dict.fromkeys((*(text(one["in"]) for one in objects(load("yaml_vectors.json")["numbers"])), *NUMBERS))
    return (
        *(_guarded(value) for value in strings if "\ud800" not in value),
        {"before": "b", "numbers": {f"n{index}": Number(one) for index, one in enumerate(numbers)}, "after": "a"},
        *(Number(one) for one in numbers),
        *WORDS,
        *("k" * size for size in (1_000, 1_001, 5_000)),
        {"before": "b", "k" * 1_001: ["x", {"é" * 1_001: 'a"\n'}], "k" * 5_000: "a\nb", "after": "a"},
        *(_under(value) for value in WORDS if value not in ("before", "after")),
        *(Number(one) for one in BEYOND),
        *(_guarded_number(one) for one in BEYOND),
        *trees(GENERATED, seed="yaml"),
    )


def _guarded_number(text: str) -> JsonValue:
    return {"before": "b", "value": [{"n": Number(text)}], "after": "a"}


def _under(key: str) -> JsonValue:
    """Every kind of container under a key: some readers give a key a meaning only where it has one."""
    containers: tuple[JsonValue, ...] = ({}, [], {"a": "b"}, [{"a": "b"}], ["a"], [{"a": "b"}, {"c": "d"}], [[]])
    return {"before": "b", "each": [{"a": "x", key: one, "z": "y"} for one in containers], key: {key: []}, "after": "a"}


def _guarded(value: str) -> JsonValue:
    key = value if value not in ("before", "value", "items", "after") else f"{value} "
    return {"before": "b", "value": value, "items": ["b", value, [value], "a"], key: {key: value}, "after": "a"}


@cache
def _rendered() -> tuple[tuple[JsonValue, bytes], ...]:
    """The documents that are not refused, with their files."""
    written: list[tuple[JsonValue, bytes]] = []
    for value in _documents():
        try:
            written.append((value, YamlFormat().render(Document(b"", value))))
        except RenderRefused:
            assert any(number in compact_json(value) for number in BEYOND)
    return tuple(written)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Each document that is not refused in a file of its own."""
    folder = tmp_path_factory.mktemp("yaml")
    paths = [folder / f"{index}.yaml" for index in range(len(_rendered()))]
    for path, (_, rendered) in zip(paths, _rendered(), strict=True):
        path.write_bytes(rendered)
    return paths


def test_few_documents_are_refused_so_that_the_round_trips_say_something() -> None:
    assert len(_rendered()) > len(_documents()) * 0.9


@pytest.mark.parametrize("reader", YAML_READERS, ids=lambda one: one.name)
def test_every_document_that_is_not_refused_is_read_back_with_its_types_and_values(
    reader: YamlReader, files: Sequence[Path]
) -> None:
    pairs = zip((given for given, _ in _rendered()), reader.read(files), strict=True)
    misread = [
        (ascii(given)[:300], ascii(outcome)[:300])
        for given, outcome in pairs
        if "failed" in outcome or not is_same(given, outcome["read"], reader)
    ]
    assert misread == []
