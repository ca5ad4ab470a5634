"""What an env file says is what was put into it, in every dialect; and hand edits are understood or told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.document import parse_document
from config_sync.errors import RenderRefused
from config_sync.formats.dialects import DIALECTS
from config_sync.formats.env import EnvFormat
from config_sync.formats.env_reading import NoVariables, variables

TEXTS = st.text(st.sampled_from("ab'\"\\$`#= \n\r\tü{}~!;&"), max_size=12)


@given(
    values=st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True), TEXTS, max_size=4),
    dialect=st.sampled_from(sorted(DIALECTS)),
)
def test_every_dialect_is_read_back(values: dict[str, str], dialect: str) -> None:
    form = EnvFormat(dialect=dialect, allow=frozenset(values))
    try:
        content = form.render(parse_document(json.dumps(values).encode()))
    except RenderRefused:
        return
    assert form.variables(content) == values


def test_export_is_passed_over() -> None:
    form = EnvFormat(dialect="shell", has_export=True)
    assert form.variables(form.render(parse_document(b'{"A": "it\'s", "B": 1}'))) == {"A": "it's", "B": "1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# a comment\n\n  \nA=1\n", {"A": "1"}),
        ("A=plain-word_1.2:/x,y\n", {"A": "plain-word_1.2:/x,y"}),
        ("A='one'\"two\"three\\ four\n", {"A": "onetwothree four"}),
        ("A=1\nB=2\nA=3\n", {"A": "3", "B": "2"}),
        ("A=", {"A": ""}),
        ("A='x\n# no comment\ny'\n", {"A": "x\n# no comment\ny"}),
        ("", {}),
    ],
)
def test_edits_that_keep_to_the_shape_are_understood(text: str, found: dict[str, str]) -> None:
    assert variables(text.encode(), is_raw=False) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"A=1\nno sign\n", "line 2 does not begin with NAME="),
        (b"A-B=1\n", "line 1 does not begin with NAME="),
        (b"A=1\nB='open\n", "line 2 has a value that is not quoted as our env files are"),
        (b"A=$HOME\n", "line 1 has a value that is not quoted as our env files are"),
        (b'A="$(reboot)"\n', "line 1 has a value that is not quoted as our env files are"),
        (b"A=one two\n", "line 1 has a value that is not quoted as our env files are"),
        (b"A=1\nB=\xff\n", "line 2 is not UTF-8"),
    ],
)
def test_others_are_told_by_their_line_and_without_its_text(text: bytes, why: str) -> None:
    with pytest.raises(NoVariables, match=f"^{why}$"):
        variables(text, is_raw=False)


def test_raw_lines_are_taken_as_they_stand() -> None:
    assert variables(b"A='x' $y\n#c\nB=\n", is_raw=True) == {"A": "'x' $y", "B": ""}
