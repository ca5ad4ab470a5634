"""Every document comes back from every YAML reader, of version 1.1 and 1.2, with the types and values it had.

Strings stand between two sentinels, as values, as keys and as items: one that swallows what follows, ends early or
sets another key shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import Document, JsonValue, Number
from tests.system.readers.nasty import NUMBERS, WORDS, measured, texts, trees
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
        *trees(GENERATED, seed="yaml"),
    )


def _guarded(value: str) -> JsonValue:
    key = value if value not in ("before", "value", "items", "after") else f"{value} "
    return {"before": "b", "value": value, "items": ["b", value, [value], "a"], key: {key: value}, "after": "a"}


@cache
def _rendered() -> tuple[bytes, ...]:
    return tuple(YamlFormat().render(Document(b"", value)) for value in _documents())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Each document in a file of its own."""
    folder = tmp_path_factory.mktemp("yaml")
    paths = [folder / f"{index}.yaml" for index in range(len(_documents()))]
    for path, rendered in zip(paths, _rendered(), strict=True):
        path.write_bytes(rendered)
    return paths


@pytest.mark.parametrize("reader", YAML_READERS, ids=lambda one: one.name)
def test_every_document_is_read_back_with_its_types_and_values(reader: YamlReader, files: Sequence[Path]) -> None:
    outcomes = reader.read(files)
    expected = [
        (given, outcome) for given, outcome in zip(_documents(), outcomes, strict=True) if not reader.why_not(given)
    ]
    assert len(expected) > len(_documents()) * 0.9
    misread = [
        (ascii(given)[:300], ascii(outcome)[:300])
        for given, outcome in expected
        if "failed" in outcome or not is_same(given, outcome["read"], reader)
    ]
    assert misread == []
