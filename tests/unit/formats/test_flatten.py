"""Names of variables: the vectors, and every way in which a name cannot be made."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from config_sync.errors import RenderRefused
from config_sync.formats.dialects import DIALECTS
from config_sync.formats.env import EnvFormat
from config_sync.formats.flatten import Flat, flatten
from config_sync.formats.kind import warnings_of
from tests.unit.formats.vectors import Json, Option, built, load, mapping, objects, text

VECTORS = objects(load("flatten_vectors.json")["vectors"])


def _flat(raw: str, given: dict[str, Option] | None = None) -> Flat:
    bound = built("env", given or {})
    assert isinstance(bound, EnvFormat)
    return flatten(parse_document(raw.encode()).value, bound.naming)


def _options(vector: dict[str, Json]) -> dict[str, Option]:
    given = mapping(vector.get("opt", {}))
    return {key: value for key, value in given.items() if isinstance(value, (str, int))}


@pytest.mark.parametrize("vector", [one for one in VECTORS if "out" in one], ids=lambda one: ascii(one["in"]))
def test_a_measured_document_gets_its_names(vector: dict[str, Json]) -> None:
    flat = _flat(text(vector["in"]), _options(vector))
    assert {entry.name: entry.text for entry in flat.entries} == vector["out"]
    assert [text(vector["warn"]) in one for one in flat.warnings] == [True] if "warn" in vector else not flat.warnings


@pytest.mark.parametrize("vector", [one for one in VECTORS if "error" in one], ids=lambda one: ascii(one["in"]))
def test_a_measured_document_without_names_is_refused(vector: dict[str, Json]) -> None:
    with pytest.raises(RenderRefused) as refused:
        _flat(text(vector["in"]), _options(vector))
    assert text(vector["error"]) in refused.value.message


REFUSED: dict[str, tuple[str, dict[str, Option], str, str]] = {
    "digit_without_prefix": ('{"1st":1}', {}, "/1st", "starts with a digit"),
    "digit_of_a_null": ('{"1st":null}', {}, "/1st", "starts with a digit"),
    "empty_key_deep": ('{"a":{"":1}}', {}, "/a/", "empty key"),
    "nothing_left_after_dashes": ('{"a":{"--":1}}', {"dash": "remove"}, "/a/--", "no ASCII letter or digit"),
    "underscores_only": ('{"_":1}', {}, "/_", "no ASCII letter or digit"),
    "top_is_an_array": ("[1]", {}, "", "an object at the top of the document, not an array"),
    "top_is_a_string": ('"hunter2"', {}, "", "an object at the top of the document, not a string"),
    "collision_by_case": ('{"a":1,"b":2,"A":3}', {}, "/a", "A is produced by both /a and /A"),
    "collision_of_three": ('{"a-b":1,"a.b":2,"a b":3}', {}, "/a-b", "A_B is produced by /a-b and /a.b and /a b"),
    "collision_with_an_index": (
        '{"a":["x"],"a__0":1}', {"arrays": "index"}, "/a/0", "A__0 is produced by both /a/0 and /a__0",
    ),
    "comma_null": ('{"a":[1,null]}', {"arrays": "comma"}, "/a/1", "null, which has no comma form"),
    "comma_object": ('{"a":[{"b":1}]}', {"arrays": "comma"}, "/a/0", "an object, which has no comma form"),
    "comma_one_empty_item": ('{"a":[""]}', {"arrays": "comma"}, "/a", "cannot be told from an empty list"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "given", "pointer", "words"), REFUSED.values(), ids=REFUSED)
def test_a_name_that_cannot_be_made_is_refused_with_its_pointer(
    raw: str, given: dict[str, Option], pointer: str, words: str
) -> None:
    with pytest.raises(RenderRefused) as refused:
        _flat(raw, given)
    assert refused.value.pointer == pointer
    assert words in refused.value.message
    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


def test_every_collision_is_told() -> None:
    with pytest.raises(RenderRefused) as refused:
        _flat('{"a":1,"A":1,"b":{"c":1},"b__c":1}')
    assert "both /a and /A; B__C is produced by both /b/c and /b__c" in refused.value.message


def test_values_keep_their_place_and_spelling() -> None:
    raw = '{"z":1.10,"o":{},"s":" x ","a":{"e":1e3,"l":[1.0,"é",null,{"k":[]}]},"t":true}'
    assert [(one.name, one.text) for one in _flat(raw).entries] == [
        ("Z", "1.10"),
        ("O", "{}"),
        ("S", " x "),
        ("A__E", "1e3"),
        ("A__L", '[1.0,"é",null,{"k":[]}]'),
        ("T", "true"),
    ]


def test_below_the_depth_lists_too_stay_together() -> None:
    given: dict[str, Option] = {"max_depth": 2, "arrays": "index", "nulls": "word"}
    flat = _flat('{"a":{"b":[1,{"c":2}],"n":null},"l":["x",["y"]]}', given)
    assert {one.name: one.text for one in flat.entries} == {
        "A__B": '[1,{"c":2}]',
        "A__N": "null",
        "L__0": "x",
        "L__1": '["y"]',
    }


def test_what_readers_may_misunderstand_is_told_once_a_kind() -> None:
    bound = built("env", {"arrays": "index"})
    raw = ('{"PATH":"hunter2",' + ",".join(f'"a__{one}":1' for one in range(9)) + ',"e":[],"f":{"g":[]}}').encode()
    told = warnings_of(bound, parse_document(raw))
    assert len(told) == 3
    assert "/a__0, /a__1, /a__2, /a__3, /a__4 and 4 more" in told[0]
    assert "/e, /f/g" in told[1]
    assert "/PATH sets PATH" in told[2]
    assert "hunter2" not in " ".join(told)
    assert warnings_of(built("json"), parse_document(raw)) == ()


def test_an_entry_shows_no_value() -> None:
    assert "hunter2" not in repr(_flat('{"a":"hunter2"}'))


def test_a_long_key_does_not_flood_a_message() -> None:
    with pytest.raises(RenderRefused) as refused:
        _flat('{"1%s":1}' % ("x" * 100_000))
    assert len(refused.value.message) < 600


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_object_without_values_is_an_empty_file(dialect: str) -> None:
    assert built("env", {"dialect": dialect}).render(parse_document(b'{"a":null}')) == b""
