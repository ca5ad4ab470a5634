"""The table of formats: what the settings, the reference and the schema read."""

from __future__ import annotations

import pytest

from config_sync.fields import Invalid, Problems
from config_sync.formats import FORMATS, extra_missing, format_for_path
from config_sync.formats.kind import FormatKind
from config_sync.model import AbsolutePath
from tests.unit.formats.vectors import Option, built, document, options

PATHS = {
    "/etc/a.json": "json",
    "/etc/a.yaml": "yaml",
    "/etc/a.b.yml": "yaml",
    "/etc/app.env": "env",
    "/etc/.env": "env",
    "/etc/.json": None,
    "/etc/.yaml": None,
    "/etc/.env.local": None,
    "/etc/a.conf": None,
    "/etc/env": None,
    "/etc/a.JSON": None,
    "/etc.json/a": None,
    "/": None,
}

REFUSED_OPTIONS: dict[str, tuple[str, dict[str, Option], str]] = {
    "unknown_style": ("json", {"style": "minified"}, "expected one of verbatim, pretty, compact, canonical"),
    "unknown_dialect": ("env", {"dialect": "fish"}, "expected one of env, dotenv, systemd, shell, docker, kubernetes"),
    "separator_with_a_dot": ("env", {"separator": "."}, "expected letters, digits and _"),
    "empty_separator": ("env", {"separator": ""}, "expected letters, digits and _"),
    "prefix_with_a_digit_first": ("env", {"prefix": "1A"}, "expected the start of a name"),
    "prefix_with_a_line_feed": ("env", {"prefix": "A\n"}, "expected the start of a name"),
    "depth_of_zero": ("env", {"max_depth": 0}, "expected a whole number from 1"),
    "nulls_of_yaml": ("env", {"nulls": "null"}, "expected one of omit, empty, word"),
    "map_that_is_none": ("env", {"map": "x"}, "expected a mapping of variables to JSON pointers"),
    "map_of_no_name": ("env", {"map": {"A-B": "/a"}}, "expected a variable's name"),
    "map_to_no_pointer": ("env", {"map": {"A": "a/b"}}, "expected a JSON pointer"),
    "map_to_a_wrong_escape": ("env", {"map": {"A": "/a~2"}}, "expected a JSON pointer"),
    "include_without_a_slash": ("env", {"include": ["a"]}, "expected a glob over JSON pointers"),
    "exclude_of_everything": ("env", {"exclude": [""]}, "expected a glob over JSON pointers"),
    "files_option": ("files", {"mode": "0600"}, "unknown key 'mode'"),
    "allow_that_is_no_name": ("env", {"allow": ["LD-X"]}, "expected a variable's name"),
    "template_without_source": ("template", {}, "'source' is missing"),
    "yaml_option": ("yaml", {"width": 80}, "unknown key 'width'"),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.items(), ids=PATHS)
def test_a_suffix_chooses_the_format(path: str, expected: str | None) -> None:
    assert format_for_path(AbsolutePath(path)) == expected


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_every_option_is_documented_and_has_a_schema(kind: FormatKind) -> None:
    assert kind.doc
    for one in kind.fields:
        assert one.doc
        assert one.default_text
        assert one.kind.json_schema()


@pytest.mark.parametrize("name", ["json", "yaml", "env"])
def test_every_option_has_a_default(name: str) -> None:
    assert built(name).name == name


@pytest.mark.parametrize(("name", "given", "words"), REFUSED_OPTIONS.values(), ids=REFUSED_OPTIONS)
def test_an_option_that_makes_no_sense_is_told_at_its_place(name: str, given: dict[str, Option], words: str) -> None:
    problems = Problems()
    with pytest.raises(Invalid):
        options(name, given, problems)
    assert [words in str(problem) for problem in problems.errors] == [True]
    assert problems.errors[0].line == 7


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "files"])
def test_a_format_shows_no_content_and_renders_the_same_bytes_twice(name: str) -> None:
    given: dict[str, Option] = {"source": "/t.j2"} if name == "template" else {}
    bound = built(name, given, source="hunter2 {{ a }}")
    value = document({"a": "hunter2", "b": [1.5, {"c": None}]})
    assert bound.render(value) == bound.render(value)
    assert bound == built(name, given, source="hunter2 {{ a }}")
    assert "hunter2" not in repr(bound)


def test_only_a_format_that_needs_an_extra_can_lack_it() -> None:
    assert [extra_missing(name) for name in FORMATS] == [None] * len(FORMATS)
    absent = FormatKind("x", (), (), FORMATS["json"].build, "", extra="template", module="jinja2_that_is_not_there")
    assert absent.extra_missing == "format 'x' needs an extra of config-sync: pip install 'config-sync[template]'"
