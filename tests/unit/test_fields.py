from __future__ import annotations

import pytest

from config_sync.fields import (
    Expansion,
    Field,
    Invalid,
    Kind,
    ListNode,
    MapNode,
    Node,
    Place,
    Problems,
    ScalarNode,
    Values,
    expanded,
    fields,
    nearest,
    parse_partly,
    parse_table,
)
from config_sync.kinds import Argv, Choice, Duration, Flag, Integer, ListOf, Name, PathText, Size, Text, TextMap, words

HERE = Place("f.yaml", 1, 1)
COLOUR = Field("colour", words("red", "green"), "a colour", "red", "red")
COUNT = Field("count", Integer(1, 9), "a count", is_required=True)
PRUNE = Field("prune", Flag(), "later", False, "false", not_yet=True)
PROBE = Field("probe", Text(), "later", not_yet=True)
TABLE = fields(COLOUR, COUNT, PRUNE, PROBE)


def node(value: object, path: str = "") -> Node:
    """A tree of nodes; a mapping's entries stand on lines of their own."""
    place = Place("f.yaml", 1, 1, path)
    if isinstance(value, dict):
        entries = {key: node(one, f"{path}.{key}".strip(".")) for key, one in value.items()}
        return MapNode(place, entries, {key: Place("f.yaml", line, 1, key) for line, key in enumerate(value, 1)})
    if isinstance(value, list):
        return ListNode(place, tuple(node(one) for one in value))
    if isinstance(value, bool):
        return ScalarNode(place, str(value).lower(), "bool")
    tag = "null" if value is None else "int" if isinstance(value, int) else "str"
    return ScalarNode(place, "null" if value is None else str(value), tag)


def parse(value: object) -> tuple[Values | None, Problems]:
    problems = Problems()
    try:
        return parse_table(TABLE, node(value), problems), problems
    except Invalid:
        return None, problems


def test_values_come_back_by_field_with_defaults_for_absent_and_null_keys() -> None:
    values, problems = parse({"count": 3, "colour": None})

    assert values is not None
    assert (values[COUNT], values[COLOUR], values.optional(PROBE)) == (3, "red", None)
    assert (values.is_given(COUNT), values.is_given(COLOUR)) == (True, False)
    assert values.place_of(COUNT).path == "count"
    assert values.place_of(COLOUR) == HERE
    assert problems.errors == []


def test_every_problem_is_told_before_the_end() -> None:
    values, problems = parse({"colour": "blue", "kount": 3, "probe": "x", "prune": True})

    assert values is None
    assert [problem.message for problem in problems.errors] == [
        "expected one of red, green, not 'blue'",
        "unknown key 'kount'",
        "'probe' is not in this version",
        "'prune' is not in this version",
        "'count' is missing; expected a whole number from 1 to 9",
    ]
    assert problems.errors[1].hint == "did you mean 'count'?"


@pytest.mark.parametrize("later", [{"prune": False}, {"prune": None}, {"probe": None}])
def test_key_of_a_later_version_that_asks_for_nothing_is_accepted(later: dict[str, object]) -> None:
    values, problems = parse({"count": 1, **later})

    assert values is not None
    assert problems.errors == []


def test_needed_key_does_not_take_null() -> None:
    values, problems = parse({"count": None})

    assert values is None
    assert [problem.message for problem in problems.errors] == ["expected a whole number from 1 to 9, not null"]


def test_partly_wrong_mapping_still_gives_what_is_right() -> None:
    values, is_right = parse_partly(TABLE, node({"count": 5, "colour": "blue"}), Problems())

    assert (values[COUNT], values[COLOUR], is_right) == (5, "red", False)


def test_what_is_no_mapping_is_told_with_the_keys_that_work() -> None:
    _, problems = parse(["a"])

    assert [problem.message for problem in problems.errors] == ["expected a mapping of colour, count"]


@pytest.mark.parametrize(
    ("word", "expected"), [("systemdd", "systemd"), ("comand", "command"), ("qqq", None), ("", None)]
)
def test_nearest_word_is_found_only_if_it_is_near(word: str, expected: str | None) -> None:
    assert nearest(word, ("systemd", "signal", "command")) == expected


GOOD: dict[str, tuple[Kind[object], object, object]] = {
    "text": (Text(), "a", "a"),
    "text-of-a-number": (Text(), 5, "5"),
    "flag": (Flag(), True, True),
    "integer": (Integer(-5, 5), -3, -3),
    "milliseconds": (Duration(), "250ms", 0.25),
    "seconds": (Duration(), "1.5s", 1.5),
    "minutes": (Duration(), "5m", 300.0),
    "hours": (Duration(), "24h", 86400.0),
    "days": (Duration(), "7d", 604800.0),
    "kibibytes": (Size(), "64KiB", 65536),
    "mebibytes": (Size(), "16MiB", 16 * 1024**2),
    "bytes": (Size(), "10B", 10),
    "choice": (Choice({"a": 1, "b": None}), "a", 1),
    "path": (PathText(), "/srv//x/./y/", "/srv/x/y"),
    "name": (Name(), "my-service", "my-service"),
    "argv": (Argv(), ["nginx", "-t", 5], ("nginx", "-t", "5")),
    "text-map": (TextMap(), {"A": 1, "B": "x"}, {"A": "1", "B": "x"}),
    "list": (ListOf(Integer()), [1, 2], (1, 2)),
}


@pytest.mark.parametrize(("kind", "given", "expected"), GOOD.values(), ids=GOOD.keys())
def test_kind_parses(kind: Kind[object], given: object, expected: object) -> None:
    problems = Problems()

    assert kind.parse(node(given), problems) == expected
    assert problems.errors == []
    assert kind.json_schema()


BAD: dict[str, tuple[Kind[object], object, str]] = {
    "text-list": (Text(), ["a"], "expected a text, not a list"),
    "text-map": (Text(), {"a": 1}, "expected a text, not a mapping"),
    "text-null": (Text(), None, "expected a text, not null"),
    "flag-word": (Flag(), "yes", "expected true or false, not 'yes'"),
    "integer-float": (Integer(), "1.0", "expected a whole number from 0, not '1.0'"),
    "integer-octal": (Integer(), "010", "not '010'"),
    "integer-low": (Integer(1), 0, "expected a whole number from 1, not '0'"),
    "integer-huge": (Integer(), "9" * 5000, "expected a whole number"),
    "duration-zero": (Duration(), 0, "not '0'"),
    "duration-negative": (Duration(), "-1s", "not '-1s'"),
    "duration-low": (Duration(minimum_s=1), "500ms", "expected a duration from 1 to 3.16224e+07 seconds"),
    "duration-high": (Duration(), "9999d", "expected a duration from 0 to"),
    "duration-mixed": (Duration(), "1h30m", "not '1h30m'"),
    "size-decimal": (Size(), "5MB", "expected a size"),
    "size-zero": (Size(), "0B", "expected a size"),
    "choice": (words("a", "b"), "c", "expected one of a, b, not 'c'"),
    "choice-later": (words("a", later=("b",)), "b", "'b' is not in this version; expected a"),
    "path": (PathText(), "x", "starting with /"),
    "path-nul": (PathText(), "/a\0", "no NUL"),
    "name": (Name(), "../x", "does not start with a dot"),
    "argv-text": (Argv(), "nginx -t", "expected a list of words"),
    "argv-empty": (Argv(), [], "not an empty list"),
    "argv-nul": (Argv(), ["a\0"], "no NUL"),
    "text-map-list": (TextMap(), ["a"], "expected a mapping"),
    "list-short": (ListOf(Text(), 1), [], "expected at least 1 item"),
    "list-word": (ListOf(Text()), "a", "expected a list"),
}


@pytest.mark.parametrize(("kind", "given", "message"), BAD.values(), ids=BAD.keys())
def test_kind_refuses(kind: Kind[object], given: object, message: str) -> None:
    problems = Problems()

    with pytest.raises(Invalid):
        kind.parse(node(given), problems)

    assert len(problems.errors) == 1
    assert message in problems.errors[0].message


def test_list_tells_of_every_wrong_item() -> None:
    problems = Problems()

    with pytest.raises(Invalid):
        ListOf(Integer()).parse(node([1, "x", 2, "y"]), problems)

    assert len(problems.errors) == 2


def test_only_kinds_that_stand_for_names_and_paths_see_an_expansion() -> None:
    path = ScalarNode(HERE, "${D}/x", "str", Expansion("/srv/x"))

    assert PathText().parse(path, Problems()) == "/srv/x"
    assert Text().parse(path, Problems()) == "${D}/x"
    assert Text(expands=True).parse(path, Problems()) == "/srv/x"


def test_unset_variable_is_an_error_where_needed_and_else_a_warning() -> None:
    needed, tolerant = Problems(), Problems()

    with pytest.raises(Invalid):
        expanded(ScalarNode(HERE, "${D}", "str", Expansion("${D}", unset=("D",))), needed, "a path")
    found = PathText().parse(
        ScalarNode(HERE, "${D}/x", "str", Expansion("${D}/x", unset=("D",), is_needed=False)), tolerant
    )

    assert [problem.message for problem in needed.errors] == ["$D is not set"]
    assert [problem.message for problem in tolerant.warnings] == ["$D is not set"]
    assert (found, tolerant.errors) == ("/${D}/x", [])
