"""Environment files: every measured value in every dialect, and the names that run code."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from config_sync.errors import RenderRefused, SettingsError
from config_sync.formats.dialects import DIALECTS, alternatives, why_not
from config_sync.formats.env import EnvFormat
from config_sync.formats.kind import warnings_of
from config_sync.model import Document
from tests.unit.formats.vectors import Json, Option, built, document, load, mapping, objects, text

VECTORS = objects(load("env_vectors.json")["vectors"])
KEYS = objects(load("env_vectors.json")["keys"])
CASES = [
    pytest.param(vector, dialect, id=f"{text(vector['name'])}-{dialect}") for vector in VECTORS for dialect in DIALECTS
]


def _value(vector: dict[str, Json]) -> str:
    match vector:
        case {"value": str(value)}:
            return value
        case {"value_repeat": [str(character), int(count)]}:
            return character * count
        case _:
            return "a\ud800b"


def test_the_vectors_and_the_table_have_the_same_dialects() -> None:
    assert set(mapping(load("env_vectors.json")["dialects"])) == set(DIALECTS)


@pytest.mark.parametrize(("vector", "dialect"), CASES)
def test_a_measured_value_is_written_as_its_readers_take_it_or_refused(vector: dict[str, Json], dialect: str) -> None:
    value = _value(vector)
    expected = mapping(mapping(vector["dialects"])[dialect])
    bound = EnvFormat(dialect=dialect)
    # Not through the parser, which refuses half a surrogate pair itself.
    given = Document(b"", {"v": value})
    if "refuse" in expected:
        with pytest.raises(RenderRefused) as refused:
            bound.render(given)
        assert text(expected["refuse"]) in refused.value.message
        assert refused.value.pointer == "/v"
        assert "/v" in refused.value.message
        told = f"{refused.value.message} {refused.value.hint}"
        assert len(value) < 5 or (value not in told and value not in told.encode().decode("unicode_escape"))
    else:
        quote = '"' if dialect == "systemd" else "'"
        line = expected["line"] or f"V={quote}{value}{quote}"  # the longest is described, not written out
        assert bound.render(given).decode() == f"{line}\n"


@pytest.mark.parametrize("vector", KEYS, ids=lambda one: ascii(one["key"]))
def test_a_measured_name_stands_in_a_file_only_if_it_is_one(vector: dict[str, Json]) -> None:
    key = text(vector["key"])
    for dialect in DIALECTS:
        bound = built("env", {"dialect": dialect, "case": "keep", "allow": ["BASH_ENV", "SHELLOPTS"]})
        try:
            written = bound.render(document({key: "x"})).decode()
        except RenderRefused:
            continue
        name, _, _ = written.partition("=")
        assert written.count("\n") == 1
        assert name.isascii()
        assert name.isidentifier()
        assert (name == key) == vector["valid"]


REFUSED: dict[str, tuple[str, str, str, str | None]] = {
    "dollar_brace_for_dotenv": ("dotenv", "a${b}", "no spelling", "env or systemd or shell or docker or kubernetes"),
    "newline_for_docker": ("docker", "a\nb", "line break", "env or dotenv or systemd or shell or kubernetes"),
    "quote_for_kubernetes": ("kubernetes", "it's", "single quote", "env or dotenv or systemd or shell or docker"),
    "noncharacter_for_systemd": ("systemd", "\U0001ffff", "noncharacter", "shell or docker or kubernetes"),
    "quote_and_noncharacter": ("env", "'\n\ufdd0", "noncharacter", "dialect shell can carry it"),
    "nul": ("env", "a\0b", "NUL", "format: json and format: yaml"),
    "too_long_for_exec": ("env", "x" * 131_070, "131071 bytes", "format: json and format: yaml"),
    "too_long_in_bytes": ("shell", "é" * 65_535, "131071 bytes", "format: json and format: yaml"),
    "line_too_long_for_docker": ("docker", "x" * 65_534, "65535 bytes", "env or dotenv or systemd or shell"),
    "one_line_too_long_of_two": ("kubernetes", "a\n" + "x" * 65_535, "65535 bytes", "env or dotenv or systemd"),
}


@pytest.mark.parametrize(("dialect", "value", "words", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_what_can_carry_the_value(dialect: str, value: str, words: str, hint: str) -> None:
    with pytest.raises(RenderRefused) as refused:
        built("env", {"dialect": dialect}).render(document({"v": value}))
    assert words in refused.value.message
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("dialect", "length"), [("env", 131_069), ("docker", 65_533), ("kubernetes", 65_531)], ids=["env", "docker", "k8s"]
)
def test_the_longest_value_is_written(dialect: str, length: int) -> None:
    assert why_not(DIALECTS[dialect], "V", "x" * length) is None
    assert why_not(DIALECTS[dialect], "V", "x" * (length + 1)) is not None


RUN_CODE = [
    "LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND",
    "BASH_FUNC_x", "GCONV_PATH",
]  # fmt: skip


@pytest.mark.parametrize("name", RUN_CODE)
def test_a_name_that_runs_code_is_refused_unless_allowed_by_name(name: str) -> None:
    given = document({name: "hunter2"})
    for other in ([], ["LD_DEBUG"]):
        with pytest.raises(RenderRefused) as refused:
            built("env", {"case": "keep", "allow": other}).render(given)
        assert refused.value.pointer == f"/{name}"
        assert f"allow: [{name}]" in (refused.value.hint or "")
    assert built("env", {"case": "keep", "allow": [name]}).render(given) == f"{name}='hunter2'\n".encode()


def test_a_name_that_runs_code_is_seen_through_nesting_and_prefix() -> None:
    with pytest.raises(RenderRefused):
        built("env", {"separator": "_"}).render(document({"ld": {"preload": "x"}}))
    with pytest.raises(RenderRefused):
        built("env", {"prefix": "LD_"}).render(document({"preload": "x"}))
    assert built("env", {"prefix": "APP_"}).render(document({"ld_preload": "x"})) == b"APP_LD_PRELOAD='x'\n"


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "PERL5OPT", "RUBYOPT", "JAVA_TOOL_OPTIONS", "PATH"]
)
def test_a_name_that_changes_what_runs_is_written_with_a_warning(name: str) -> None:
    given = document({name: "hunter2"})
    assert built("env").render(given) == f"{name}='hunter2'\n".encode()
    told = warnings_of(built("env"), given)
    assert [f"/{name} sets {name}" in one for one in told] == [True]
    assert "hunter2" not in told[0]


def test_the_shell_tells_that_path_is_tied_to_path() -> None:
    given: dict[str, Option] = {"case": "keep", "dialect": "shell"}
    assert len(warnings_of(built("env", given), document({"path": "x"}))) == 1
    assert warnings_of(built("env", {"case": "keep"}), document({"path": "x"})) == ()


@pytest.mark.parametrize("name", ["PPID", "UID", "EUID", "status", "RANDOM"])
def test_a_shell_keeps_its_own_variables(name: str) -> None:
    with pytest.raises(RenderRefused, match="belongs to the shell itself"):
        built("env", {"dialect": "shell", "case": "keep"}).render(document({name: "1"}))
    assert "shell" not in alternatives(name, "1")


def test_export_stands_before_every_name_of_the_shell_dialect() -> None:
    given: dict[str, Option] = {"dialect": "shell", "export": True}
    assert built("env", given).render(document({"a": 1, "b": "it's"})) == b"export A='1'\nexport B='it'\\''s'\n"


def test_export_for_other_readers_is_told_at_its_place() -> None:
    with pytest.raises(SettingsError, match="dialect: shell") as refused:
        built("env", {"export": True})
    assert refused.value.problems[0].line == 7


def test_the_file_is_lines_in_document_order_ending_in_a_line_feed() -> None:
    raw = b'{"b":{"c":"x y","a":null},"a":[1.0],"t":true}'
    assert built("env").render(parse_document(raw)) == b"B__C='x y'\nA='[1.0]'\nT='true'\n"
