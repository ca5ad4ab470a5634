"""RFC 7396 as its own table has it, what it leaves open, and where a value of a merge comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config_sync.document import compact_json, parse_document
from config_sync.merging import merge_patch, merged, trace
from config_sync.model import JsonValue, Number

_VECTORS: object = json.loads((Path(__file__).parents[1] / "data" / "merge_patch_vectors.json").read_text())


def value(text: str) -> JsonValue:
    return parse_document(text.encode()).value


def _cases() -> list[object]:
    """The table of RFC 7396, appendix A, in its order."""
    assert isinstance(_VECTORS, list)
    texts = [
        {key: json.dumps(one[key]) for key in ("original", "patch", "result")} | {"id": one["id"]} for one in _VECTORS
    ]
    return [pytest.param(one["original"], one["patch"], one["result"], id=one["id"]) for one in texts]


@pytest.mark.parametrize(("original", "patch", "result"), _cases())
def test_the_table_of_the_rfc(original: str, patch: str, result: str) -> None:
    assert merge_patch(value(original), value(patch)) == value(result)


def test_the_table_is_whole() -> None:
    assert len(_cases()) == 15


def test_later_ones_win_and_null_takes_away_through_three() -> None:
    common = value('{"db": {"host": "a", "port": 1, "tls": true}, "log": {"level": "info"}, "keep": null}')
    service = value('{"db": {"host": "b", "tls": null}, "log": null}')
    host = value('{"db": {"port": null, "tls": "again"}, "log": {"to": "syslog"}}')
    whole = '{"db":{"host":"b","tls":"again"},"keep":null,"log":{"to":"syslog"}}'
    assert compact_json(merged([common, service, host])) == whole


def test_what_was_there_keeps_its_place_and_what_is_new_comes_last() -> None:
    found = merged(
        [value('{"b": 1, "a": 2, "c": 3}'), value('{"d": 4, "a": 5}'), value('{"b": null}'), value('{"b": 6}')]
    )
    assert compact_json(found) == '{"a":5,"c":3,"d":4,"b":6}'


def test_numbers_keep_their_spelling() -> None:
    found = merged([value('{"a": 1.10, "b": 1e3}'), value('{"b": 1E+03, "c": -0}')])
    assert found == {"a": Number("1.10"), "b": Number("1E+03"), "c": Number("-0")}


def test_patches_are_applied_in_turn_and_not_to_each_other() -> None:
    first, second, third = value('{"a": {"x": 1}}'), value('{"a": null}'), value('{"a": {"y": 2}}')
    assert merged([first, second, third]) == value('{"a": {"y": 2}}')
    assert merged([first, merge_patch(second, third)]) == value('{"a": {"x": 1, "y": 2}}')


def test_the_layers_stay_as_they_were() -> None:
    layers = [value('{"a": {"b": 1}}'), value('{"a": {"b": null, "c": {"d": null}}}')]
    before = [compact_json(one) for one in layers]
    merged(layers)
    trace(layers, "/a")
    assert [compact_json(one) for one in layers] == before


LAYERS = [
    value('{"db": {"host": "a", "port": 1}, "log": {"level": "info"}, "list": [{"x": 1}], "n": null, "e": {}}'),
    value('{"db": {"host": "b", "tls": {}}, "log": null, "list": [{"y": 2}], "s/l~": 1}'),
    value('{"db": {"tls": {"ca": "z"}}, "log": {"to": "y"}, "e": {"in": {"er": null}}}'),
]
TRACES: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], int | None]] = {
    "overridden": ("/db/host", (1,), (0,), None),
    "of-one-alone": ("/db/port", (0,), (), None),
    "of-all-three": ("/db", (0, 1, 2), (), None),
    "only-what-is-left-counts": ("/log", (2,), (0, 1), None),
    "removed-and-gone": ("/log/level", (), (0,), 1),
    "inside-an-array": ("/list/0/y", (1,), (), None),
    "an-array-took-its-place": ("/list/0/x", (), (0,), 1),
    "null-of-the-first-is-there": ("/n", (0,), (), None),
    "escaped": ("/s~1l~0", (1,), (), None),
    "empty-object-of-a-patch": ("/e/in", (2,), (), None),
    "never": ("/db/none", (), (), None),
    "no-index": ("/list/1", (), (), None),
    "everything": ("", (0, 1, 2), (), None),
}


@pytest.mark.parametrize(("place", "makers", "others", "remover"), TRACES.values(), ids=TRACES.keys())
def test_where_a_value_comes_from(
    place: str, makers: tuple[int, ...], others: tuple[int, ...], remover: int | None
) -> None:
    found = trace(LAYERS, place)
    assert (found.makers, found.others, found.remover) == (makers, others, remover)
    assert found.is_there is bool(makers)


def test_a_trace_does_not_show_its_value() -> None:
    assert "hunter2" not in repr(trace([{"a": "hunter2"}], "/a"))
