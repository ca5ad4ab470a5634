"""Names by explicit pointers, and globs of what the rules write."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from config_sync.errors import RenderRefused, SettingsError
from config_sync.formats.env import EnvFormat
from config_sync.formats.flatten import flatten
from config_sync.formats.kind import warnings_of
from config_sync.formats.pointer_globs import Selection
from tests.unit.formats.vectors import Option, built

RAW = (
    b'{"db":{"url":"pg://x","port":1.10,"password":"hunter2"},"l":[{"a":1,"password":"hunter2"},{"a":2}],'
    b'"t":["x","y","z"],"n":null,"a/b":{"c~d":true},"log":"info"}'
)


def _entries(given: dict[str, Option], raw: bytes = RAW) -> dict[str, str]:
    bound = built("env", given)
    assert isinstance(bound, EnvFormat)
    return {one.name: one.text for one in flatten(parse_document(raw).value, bound.naming).entries}


WRITTEN: dict[str, tuple[dict[str, Option], dict[str, str]]] = {
    "map_comes_first_and_renames": (
        {"map": {"DATABASE_URL": "/db/url"}, "include": ["/db"]},
        {"DATABASE_URL": "pg://x", "DB__PORT": "1.10", "DB__PASSWORD": "hunter2"},
    ),
    "map_of_an_object": ({"map": {"DB": "/db"}, "include": ["/db"]}, {"DB": '{"url":"pg://x","port":1.10,"password":"hunter2"}'}),
    "map_into_an_array": (
        {"map": {"first": "/t/0", "Obj": "/l/1"}, "only_mapped": True}, {"first": "x", "Obj": '{"a":2}'},
    ),
    "map_with_escapes": ({"map": {"X": "/a~1b/c~0d"}, "only_mapped": True}, {"X": "true"}),
    "map_of_the_whole": ({"map": {"ALL": ""}, "only_mapped": True}, {"ALL": '{"k":[1]}'}),
    "map_of_null_omitted": ({"map": {"N": "/n"}, "only_mapped": True}, {}),
    "map_of_null_as_a_word": ({"map": {"N": "/n"}, "only_mapped": True, "nulls": "word"}, {"N": "null"}),
    "map_of_null_empty": ({"map": {"N": "/n"}, "only_mapped": True, "nulls": "empty"}, {"N": ""}),
    "map_takes_no_prefix": ({"map": {"X": "/log"}, "include": ["/log"], "prefix": "P_"}, {"X": "info"}),
    "map_of_one_value_twice": ({"map": {"X": "/log", "Y": "/log"}, "only_mapped": True}, {"X": "info", "Y": "info"}),
    "map_wins_over_exclude": ({"map": {"X": "/log"}, "exclude": ["/**"]}, {"X": "info"}),
    "include_takes_what_is_below": (
        {"include": ["/db", "/log"]},
        {"DB__URL": "pg://x", "DB__PORT": "1.10", "DB__PASSWORD": "hunter2", "LOG": "info"},
    ),
    "star_is_one_segment": ({"include": ["/*/port"]}, {"DB__PORT": "1.10"}),
    "star_within_a_segment": ({"include": ["/db/p*t"]}, {"DB__PORT": "1.10"}),
    "two_stars_are_any_number": ({"include": ["/**/url", "/**/log"]}, {"DB__URL": "pg://x", "LOG": "info"}),
    "exclude_wins": ({"include": ["/db"], "exclude": ["/**/password"]}, {"DB__URL": "pg://x", "DB__PORT": "1.10"}),
    "exclude_inside_json": ({"include": ["/l"], "exclude": ["/l/*/password"]}, {"L": '[{"a":1},{"a":2}]'}),
    "include_inside_json": ({"include": ["/l/*/password"]}, {"L": '[{"password":"hunter2"}]'}),
    "exclude_below_max_depth": (
        {"include": ["/db"], "exclude": ["/db/password"], "max_depth": 1},
        {"DB": '{"url":"pg://x","port":1.10}'},
    ),
    "items_move_up_by_index": ({"include": ["/t"], "exclude": ["/t/0"], "arrays": "index"}, {"T__0": "y", "T__1": "z"}),
    "items_left_out_of_commas": ({"include": ["/t"], "exclude": ["/t/1"], "arrays": "comma"}, {"T": "x,z"}),
    "no_item_left_for_commas": ({"include": ["/t"], "exclude": ["/t/*"], "arrays": "comma"}, {"T": "[]"}),
    "escaped_segment": ({"include": ["/a~1b/c~0d"]}, {"A_B__C_D": "true"}),
    "nothing": ({"include": ["/nowhere"]}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_under_which_name(given: dict[str, Option], expected: dict[str, str]) -> None:
    raw = b'{"k":[1]}' if given.get("map") == {"ALL": ""} else RAW
    found = _entries(given, raw)
    assert found == expected
    assert list(found) == list(expected)


def test_a_mapped_name_is_not_given_to_another_value_which_is_told() -> None:
    bound = built("env", {"map": {"LOG": "/db/url"}})
    document = parse_document(b'{"db":{"url":"hunter2"},"log":"hunter2"}')
    assert bound.render(document) == b"LOG='hunter2'\n"
    assert warnings_of(bound, document) == ("left out, since `map` gives its name to another value: /log",)


@pytest.mark.parametrize("place", ["/db/nope", "/l/2", "/l/-", "/l/00", "/log/x", "/n/x"])
def test_a_mapped_name_that_points_to_nothing_is_refused(place: str) -> None:
    with pytest.raises(RenderRefused) as refused:
        _entries({"map": {"X": place}})
    assert refused.value.pointer == place
    assert refused.value.message == f"nothing is at {place}, to which X is mapped"


def test_a_mapped_name_that_runs_code_is_refused_unless_allowed() -> None:
    given: dict[str, Option] = {"map": {"LD_PRELOAD": "/log"}, "only_mapped": True}
    with pytest.raises(RenderRefused, match="/log sets LD_PRELOAD"):
        built("env", given).render(parse_document(RAW))
    assert built("env", given | {"allow": ["LD_PRELOAD"]}).render(parse_document(RAW)) == b"LD_PRELOAD='info'\n"


def test_two_pointers_that_end_in_one_name_can_be_told_apart_by_the_map() -> None:
    raw = b'{"a":1,"A":2}'
    with pytest.raises(RenderRefused, match="A is produced by both /a and /A"):
        _entries({}, raw)
    assert _entries({"map": {"LOWER": "/a"}}, raw) == {"LOWER": "1", "A": "2"}


def test_only_mapped_without_a_map_is_told_at_its_place() -> None:
    with pytest.raises(SettingsError, match="needs a `map`") as refused:
        built("env", {"only_mapped": True})
    assert refused.value.problems[0].line == 7


def test_stars_never_take_time_that_grows_beyond_the_pointer() -> None:
    hostile = Selection(("/**/a*a*a*a/**/b*b*b/**",))
    value = parse_document(b'{"' + b"/a" * 60 + b'":1}').value
    assert isinstance(value, dict)
    assert not hostile.takes(value, ())
