"""Documents made of what readers get wrong, and the readers that judge what is written of them."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Sequence

import dotenv
from hypothesis import strategies as st

from config_sync.model import JsonValue, Number

MARKER = "hunter2"

_NASTY = (
    "a1 '\"\\\n\r\t$`{}[]:#-.,=!&*%|>?@~;_\x00\x01\x08\x1b\x7f\x80\x85\xa0"
    "\u2028\u2029\ufeff\ufffe\uffff\ufdd0é😀\U0001fffe\U0010ffff"
)
_WORDS = [
    "", "1", "-1", "+1", "08", "0o17", "0x1F", "0b11", "1_0", "1e3", "1E3", "25921e05", "e1", "E1", ".5", "1.", "-.inf",
    ".nan", "inf", "190:20:30", "2020-01-01", "y", "Y", "n", "yes", "no", "on", "Off", "true", "FALSE", "null", "~",
    "None", "nil", "undefined", "<<", "=", "---", "...", "- a", "? a", "a: b", "a #b", "#", "%a", "@a", "`a", "!a",
    "&a", "*a", "'a'", '"a"', "${HOME}", "$(id)", "a\\", "\\\\", "a\\\nb", "a\n", "a\n\n", " a\nb", "a\n b", "a \nb",
    "a\n\tb", "\n", "it's", "-----BEGIN KEY-----\nabc=\n", "a,b", "[]", "{}", "a\r\nb", "x" * 1100,
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(_WORDS),
    st.text(st.sampled_from(_NASTY), max_size=12),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
numbers = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(str.isascii),
).map(Number)
scalars: st.SearchStrategy[JsonValue] = st.one_of(st.none(), st.booleans(), numbers, texts)
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
keys = st.one_of(
    st.sampled_from(["a", "b", "A", "a-b", "a.b", "a__b", "x1", "1x", "log level", "é", "ümlaut"]),
    st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(str.isascii),
)
objects: st.SearchStrategy[dict[str, JsonValue]] = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=8,
    ),
    max_size=6,
)


def source(value: JsonValue, *, is_ascii: bool = False, space: str = "") -> str:
    """JSON text of the value, written by the test and not by the code under test."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=is_ascii)
        case Number():
            return value.text
        case list():
            inner = f",{space}".join(source(item, is_ascii=is_ascii, space=space) for item in value)
            return f"[{space}{inner}{space}]"
        case dict():
            members = (
                f"{json.dumps(name, ensure_ascii=is_ascii)}{space}:{source(child, is_ascii=is_ascii, space=space)}"
                for name, child in value.items()
            )
            return f"{{{space}{f',{space}'.join(members)}{space}}}"
        case _:
            return json.dumps(value)


def read_by_shell(shell: Sequence[str], path: str, names: Sequence[str]) -> dict[str, str]:
    """What the variables are after a shell has sourced the file, in an otherwise empty environment."""
    script = '. "$0" || exit 9\nfor name; do eval "printf \'%s\\0\' \\"\\${$name-unset}\\""; done'
    told = subprocess.run(
        [*shell, "-c", script, path, *names],
        env={"LC_ALL": "C.UTF-8", "PATH": "/nowhere"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert told.stderr == b""
    return dict(zip(names, told.stdout.decode("utf-8").split("\0")[:-1], strict=True))


def read_as_docker(content: bytes) -> dict[str, str]:
    """What docker's client makes of an env file: lines, blanks before a name dropped, comments and empty lines too."""
    found: dict[str, str] = {}
    for line in content.decode("utf-8").split("\n"):
        kept = line.removesuffix("\r").lstrip(" \t\n\v\f\r\x85\xa0")
        if kept and not kept.startswith("#"):
            name, equals, value = kept.partition("=")
            assert equals
            found[name] = value
    return found


def read_as_dotenv(content: bytes) -> dict[str, str | None]:
    """What python-dotenv makes of it, with its default of replacing ``${NAME}``."""
    return dict(dotenv.dotenv_values(stream=io.StringIO(content.decode("utf-8"), newline="")))


def read_as_kubelet(content: bytes) -> dict[str, str]:
    """What an EnvFile says: single-quoted values that may span lines, nothing else."""
    found: dict[str, str] = {}
    rest = content.decode("utf-8")
    while rest:
        name, _, rest = rest.partition("='")
        value, _, rest = rest.partition("'\n")
        found[name] = value
    return found
