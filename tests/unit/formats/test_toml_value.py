"""TOML values for templates, judged by the standard library's reader."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.document import parse_document
from config_sync.formats.kind import NoSpelling
from config_sync.formats.toml_value import toml_value
from config_sync.model import JsonValue, Number


@pytest.mark.parametrize(
    "raw",
    [
        "1",
        "-0",
        "1e3",
        "1.10",
        "1E-7",
        str(2**63 - 1),
        str(-(2**63)),
        "true",
        "[]",
        "{}",
        '{"a b":[{"":"x"},"\\u0000\\u007f"]}',
    ],
)
def test_a_value_is_read_back(raw: str) -> None:
    written = toml_value(parse_document(raw.encode()).value)
    assert tomllib.loads(f"k = {written}\n") == {"k": json.loads(raw)}


@pytest.mark.parametrize(
    "value", [None, [None], {"a": None}, *map(Number, (str(2**63), "9" * 5000, "1e400", "-1.5e309"))]
)
def test_a_value_that_toml_has_no_word_for_is_refused(value: JsonValue) -> None:
    with pytest.raises(NoSpelling):
        toml_value(value)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_back(name: str, text: str) -> None:
    assert tomllib.loads(f"k = {toml_value({name: text})}\n") == {"k": {name: text}}
