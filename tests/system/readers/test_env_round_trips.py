"""Every value that an env dialect takes comes back from every reader that the dialect promises, and nothing else does.

The values of a dialect stand in a few files, each between two sentinels (`A…` and `Z…`): a value that swallows what
follows, ends early, sets another variable or runs something shows as a file that is not read back whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from config_sync.errors import RenderRefused
from config_sync.formats.env import EnvFormat
from config_sync.model import Document, JsonValue
from tests.docs.consumers import of_ruby_2
from tests.system.readers.env_readers import PROMISED, EnvReader, ReaderFailed, ruby_dotenv_version
from tests.system.readers.nasty import WORDS, measured, texts

pytestmark = pytest.mark.readers

GENERATED = 600
FILE_CHARACTERS = 200_000
"""A shell must be able to start a program with all of a file in its environment: 2 MiB, execve(2)."""

CASES = [
    pytest.param(dialect, reader, id=f"{dialect}-{reader.name}")
    for dialect, some in PROMISED.items()
    for reader in some
]


@cache
def _values() -> tuple[str, ...]:
    """The measured values and the generated ones, each once."""
    return tuple(dict.fromkeys((*measured(), *WORDS, *texts(GENERATED, seed="env"))))


@cache
def _taken(dialect: str) -> tuple[str, ...]:
    """The values that the dialect does not refuse."""
    taken: list[str] = []
    for value in _values():
        try:
            EnvFormat(dialect=dialect).render(Document(b"", {"v": value}))
        except RenderRefused:
            continue
        taken.append(value)
    return tuple(taken)


def _members(values: Sequence[str]) -> dict[str, JsonValue]:
    members: dict[str, JsonValue] = {}
    for index, value in enumerate(values):
        members |= {f"A{index:04}": "before", f"V{index:04}": value, f"Z{index:04}": "after"}
    return members


def _parts(values: Sequence[str]) -> list[list[str]]:
    """The values in files' worth, in their order."""
    parts: list[list[str]] = [[]]
    size = 0
    for value in values:
        if size + len(value) > FILE_CHARACTERS:
            parts.append([])
            size = 0
        parts[-1].append(value)
        size += len(value)
    return parts


def _is_read_back(values: Sequence[str], reader: EnvReader, bound: EnvFormat, path: Path) -> bool:
    members = _members(values)
    path.write_bytes(bound.render(Document(b"", members)))
    try:
        return reader.read(path) == members
    except ReaderFailed:
        return False


def _misread(values: Sequence[str], reader: EnvReader, bound: EnvFormat, path: Path) -> str | None:
    """The start of the first value that is at fault, found by halving; None for a file that is read back whole."""
    if _is_read_back(values, reader, bound, path):
        return None
    if len(values) == 1:
        return values[0][:200]
    half = len(values) // 2
    return (
        _misread(values[:half], reader, bound, path)
        or _misread(values[half:], reader, bound, path)
        or f"{len(values)} values, only together"
    )


@pytest.mark.parametrize("dialect", PROMISED)
def test_a_dialect_takes_many_of_the_values_so_that_the_round_trips_say_something(dialect: str) -> None:
    assert len(_taken(dialect)) > len(_values()) / 3


@pytest.mark.parametrize(("dialect", "reader"), CASES)
def test_what_a_dialect_takes_its_reader_reads_back(dialect: str, reader: EnvReader, tmp_path: Path) -> None:
    bound = EnvFormat(dialect=dialect)
    for part in _parts([value for value in _taken(dialect) if reader.cannot(value) is None]):
        assert _misread(part, reader, bound, tmp_path / "round-trip.env") is None


@pytest.mark.parametrize("reader", PROMISED["shell"], ids=lambda one: one.name)
def test_exported_variables_are_the_same_for_every_shell(reader: EnvReader, tmp_path: Path) -> None:
    bound = EnvFormat(dialect="shell", has_export=True)
    for part in _parts(_taken("shell")):
        assert _misread(part, reader, bound, tmp_path / "round-trip.env") is None


def test_what_the_readme_says_of_rubys_dotenv_before_3_is_so(tmp_path: Path) -> None:
    bound, path = EnvFormat(dialect="dotenv"), tmp_path / "round-trip.env"
    (ruby,) = (one for one in PROMISED["dotenv"] if one.name == "ruby-dotenv")
    taken = [value for value in measured() if value in _taken("dotenv")]
    wrong = [value for value in taken if not _is_read_back([value], ruby, bound, path)]
    if ruby_dotenv_version() >= (3,):
        assert wrong == []
        return
    assert wrong == [value for value in taken if "\n" in value]
    assert len(wrong) >= of_ruby_2()[2]
