"""The yaml emitter against the vectors that eighteen readers were measured with, and its own corners."""

from __future__ import annotations

import json

import pytest
import yaml

from config_sync.document import parse_document
from config_sync.errors import RenderRefused
from config_sync.formats.kind import NoSpelling, warnings_of
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
        ("9" * 300, "9" * 300),
        ("1e308", "1.0e+308"),
        ("0." + "0" * 998, "0." + "0" * 998),
        ("0e999", "0.0e+999"),
        ("1e-400", "1.0e-400"),
    ],
    ids=["small", "dotted", "trailing_zero", "signed", "minus_zero", "long", "large", "fraction", "zero", "tiny"],
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


@pytest.mark.parametrize(
    ("spelled", "clause"),
    [
        ("1e400", "beyond a double"),
        ("-1E309", "beyond a double"),
        ("1.7976931348623159e308", "beyond a double"),
        ("1" + "0" * 309, "beyond a double"),
        ("1" + "0" * 400 + ".0", "beyond a double"),
        ("9" * 5000, "more than 1000 characters"),
        ("0." + "0" * 1000 + "1", "more than 1000 characters"),
    ],
    ids=["exponent", "negative", "just_over", "integer", "fraction", "long", "long_fraction"],
)
def test_a_number_that_some_reader_takes_for_a_text_is_refused_by_its_place(spelled: str, clause: str) -> None:
    document = parse_document(f'{{"a":[1,{{"b/c":{spelled}}}]}}'.encode())
    with pytest.raises(RenderRefused) as refused:
        built("yaml").render(document)
    assert refused.value.pointer == "/a/1/b~1c"
    assert refused.value.message.startswith("/a/1/b~1c has no spelling in YAML: a number")
    assert clause in refused.value.message
    assert "format: json" in str(refused.value.hint)
    assert spelled not in f"{refused.value.message} {refused.value.hint}"
    assert built("json").render(document) == document.raw


def test_an_integer_of_more_than_64_bits_is_written_with_a_warning() -> None:
    fits = [str(2**64 - 1), str(-(2**63)), "1e30", "12345678901234567890.5"]
    wide = [str(2**64), str(-(2**63) - 1), "1" * 300]
    document = parse_document(f'{{"fits":[{",".join(fits)}],"wide":[{",".join(wide)}],"a":{{"b":{wide[0]}}}}}'.encode())
    for one in wide:
        assert f"  - {one}\n" in built("yaml").render(document).decode()
    (warning,) = warnings_of(built("yaml"), document)
    assert warning.endswith(": /wide/0, /wide/1, /wide/2, /a/b")
    assert not any(one in warning for one in wide)
    (warning,) = warnings_of(built("yaml"), parse_document(wide[0].encode()))
    assert warning.endswith(": the top of the document")


@pytest.mark.parametrize("child", ['{"b":1}', '[{"b":1}]', "[1]", "[]", "{}"])
def test_a_key_that_psych_would_merge_is_tagged_as_a_text(child: str) -> None:
    raw = f'{{"<<":{child},"x":[{{"<<":{child},"<":{{"<<":1}}}}]}}'
    written = yaml_text(parse_document(raw.encode()).value)
    assert written.startswith('? !<tag:yaml.org,2002:str> "<<"\n:')
    assert written.count("? !<tag:yaml.org,2002:str> ") == 2
    assert '"<<": 1\n' in written
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert yaml.load(written, loader) == json.loads(raw)


@pytest.mark.parametrize(
    "value", [{"<<": {"b": "c"}}, [{"a": {"<<": []}}], Number("1e400"), {"a": [Number("9" * 5000)]}]
)
def test_what_has_no_spelling_inside_a_line_is_refused(value: JsonValue) -> None:
    with pytest.raises(NoSpelling):
        yaml_inline(value)
