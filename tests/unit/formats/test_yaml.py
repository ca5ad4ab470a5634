"""The yaml emitter against the vectors that eighteen readers were measured with, and its own corners."""

from __future__ import annotations

import json

import pytest
import yaml

from config_sync.document import parse_document
from config_sync.formats.yaml_ import yaml_inline, yaml_text
from config_sync.model import JsonValue, Number
from tests.unit.formats.vectors import built, load, objects, text

STRINGS = objects(load("yaml_vectors.json")["strings"])
NUMBERS = objects(load("yaml_vectors.json")["numbers"])


def _name(vector: object) -> str:
    assert isinstance(vector, dict)
    return ascii(vector.get("value", vector.get("in")))[1:30]


@pytest.mark.parametrize("vector", STRINGS, ids=_name)
def test_a_measured_string_is_written_as_all_readers_take_it(vector: dict[str, str]) -> None:
    assert yaml_text({"k": vector["value"]}) == vector["emit"]
    assert yaml_text({vector["value"]: Number("1")}) == vector["emit_as_key"]


@pytest.mark.parametrize("vector", NUMBERS, ids=_name)
def test_a_measured_number_keeps_its_digits(vector: dict[str, str]) -> None:
    assert yaml_text({"k": Number(text(vector["in"]))}) == vector["emit"]


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("1E-7", "1.0e-7"),
        ("1.5E5", "1.5e+5"),
        ("1.10", "1.10"),
        ("-1e+05", "-1.0e+05"),
        ("-0", "-0"),
        ("9" * 5000, "9" * 5000),
    ],
    ids=["small", "dotted", "trailing_zero", "signed", "minus_zero", "long"],
)
def test_a_number_is_spelled_for_readers_of_both_versions(spelled: str, expected: str) -> None:
    assert yaml_text(Number(spelled)) == expected + "\n"


def test_the_layout_is_block_style_with_two_spaces_in_document_order() -> None:
    raw = (
        b'{"z":{"a":[1,[2,[3]],{"b":"x","c":["y"]},{}, []],"t":"l1\\nl2\\n"},'
        b'"a":null,"b":true,"l":["p\\nq",{"k":"r\\ns"}]}'
    )
    assert (
        built("yaml").render(parse_document(raw)).decode()
        == """z:
  a:
    - 1
    - - 2
      - - 3
    - b: x
      c:
        - "y"
    - {}
    - []
  t: |
    l1
    l2
a: null
b: true
l:
  - |-
    p
    q
  - k: |-
      r
      s
"""
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [({}, "{}\n"), ([], "[]\n"), (None, "null\n"), (False, "false\n"), ("a b", "a b\n"), ("a\nb", "|-\n  a\n  b\n")],
    ids=["object", "array", "null", "boolean", "string", "lines"],
)
def test_any_value_may_be_the_top(value: JsonValue, expected: str) -> None:
    assert yaml_text(value) == expected
    assert yaml.safe_load(expected) == value


def test_a_key_that_readers_would_not_look_for_gets_a_question_mark() -> None:
    raw = json.dumps({"x" * 1200: {"a": 1}, "\x01" * 200: [1], "y" * 900: {}, "z" * 1001: "a\nb"})
    raw = f'[{raw},{{"nested":{raw}}}]'
    written = yaml_text(parse_document(raw.encode()).value)
    assert written.startswith('- ? "xxx')
    assert written.count("? ") == 6
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load(written, loader) == json.loads(raw)


def test_a_hundred_levels_are_read_back() -> None:
    raw = b'{"a":[' * 50 + b"]}" * 50
    written = built("yaml").render(parse_document(raw))
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load(written, loader) == json.loads(raw)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", "a b"),
        ("a\nb", '"a\\nb"'),
        ({"no": ["y", Number("1e3")], "k": {}}, '{"no": ["y", 1.0e+3], k: {}}'),
        ([], "[]"),
        ([None, True], "[null, true]"),
    ],
    ids=["plain", "lines", "containers", "empty", "words"],
)
def test_a_value_inside_a_line_is_flow_style(value: JsonValue, expected: str) -> None:
    assert yaml_inline(value) == expected
