"""`list` for people: what is not valid, and what is not valid yet."""

from __future__ import annotations

from datetime import UTC, datetime

from config_sync.cli.list_ import _as_table
from config_sync.client import ConfigInfo

PAST, COMING = datetime(2020, 1, 2, 3, 4, 5, 600, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def test_the_table_tells_what_is_not_valid_and_what_is_not_valid_yet() -> None:
    infos = (
        ConfigInfo("good", True, PAST, PAST),
        ConfigInfo("bad", False, PAST, PAST),
        ConfigInfo("later", False, COMING, PAST),
        ConfigInfo("later-too", True, COMING, PAST),
    )
    rows = [line.split() for line in _as_table(infos)]
    assert rows[0] == ["NAME", "VALID", "VALID", "FROM", "UPDATED"]
    assert [row[0] for row in rows[1:]] == ["good", "bad", "later", "later-too"]
    assert [" ".join(row[1:-2]) for row in rows[1:]] == ["yes", "no", "not yet", "not yet"]
    assert rows[3][-2] == "2999-01-01T00:00:00Z"


def test_a_name_that_would_move_the_cursor_is_spelled_out() -> None:
    assert "\x1b" not in "".join(_as_table((ConfigInfo("a\x1b[2J", True, PAST, PAST),)))
