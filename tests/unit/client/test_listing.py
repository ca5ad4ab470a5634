"""The list of configs, parsed at the border."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.client.listing import ConfigInfo, explain, parse_listing, parse_time, validity
from config_sync.errors import UnexpectedResponse

ENTRY: dict[str, object] = {
    "name": "app",
    "is_valid": True,
    "valid_from": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05.123456789+02:00",
}


def test_an_entry_is_parsed_with_go_times() -> None:
    (info,) = parse_listing(json.dumps([{**ENTRY, "more": 1}]).encode(), where="h")
    assert info == ConfigInfo(
        "app",
        True,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=timezone(timedelta(hours=2))),
    )


@pytest.mark.parametrize("body", [b"[]", b"null"], ids=["empty", "go-nil-slice"])
def test_no_configs_are_an_empty_list(body: bytes) -> None:
    assert parse_listing(body, where="h") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>SECRET-CANARY",
        b'"SECRET-CANARY"',
        b'{"SECRET-CANARY": 1}',
        b'["SECRET-CANARY"]',
        b"\xff\xfeS\0",
        b"[" * 100_000,
        json.dumps([{**ENTRY, "name": 7}]).encode(),
        json.dumps([{**ENTRY, "is_valid": "SECRET-CANARY"}]).encode(),
        json.dumps([{**ENTRY, "valid_from": "SECRET-CANARY"}]).encode(),
        json.dumps([{**ENTRY, "updated_at": None}]).encode(),
        json.dumps([{"name": "SECRET-CANARY"}]).encode(),
    ],
    ids=["empty", "html", "text", "object", "text-entry", "utf-16", "deep", "name", "valid", "time", "null", "missing"],
)
def test_anything_else_is_refused_and_not_quoted(body: bytes) -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        parse_listing(body, where="http://h")
    assert "http://h" in caught.value.message
    assert "SECRET-CANARY" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1Z", datetime(2026, 1, 2, 3, 4, 5, 100000, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
    ids=["z", "lower-case", "tenth", "naive", "go-zero-time"],
)
def test_a_time_in_each_spelling(text: str, when: datetime) -> None:
    assert parse_time(text) == when


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-02T03:04:05Z",
        "2026-01-02",
        "2026-01-02T03:04:05.Z",
        "\u0662026-01-02T03:04:05Z",
        "now",
        "",
        "0001-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59-02:00",
    ],
    ids=["month", "date", "no-fraction", "arabic-digit", "word", "empty", "before-time", "after-time"],
)
def test_another_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(st.datetimes(timezones=st.timezones()), st.integers(min_value=0, max_value=999))
def test_go_nanoseconds_are_cut_to_microseconds(when: datetime, nanoseconds: int) -> None:
    utc = when.astimezone(UTC) if when.year not in (1, 9999) else when.replace(tzinfo=UTC)
    text = f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06}{nanoseconds:03}Z".rjust(30, "0")
    assert parse_time(text) == utc


NOW = 1_767_000_000.0
PAST, COMING = datetime.fromtimestamp(NOW - 1, UTC), datetime.fromtimestamp(NOW + 1, timezone(timedelta(hours=5)))


@pytest.mark.parametrize(
    ("is_valid", "valid_from", "said"),
    [
        (True, PAST, None),
        (True, datetime.fromtimestamp(NOW, UTC), None),
        (False, PAST, "not valid"),
        (True, COMING, "valid only from 2025-12-29T09:20:01Z"),
        (False, COMING, "valid only from 2025-12-29T09:20:01Z"),
    ],
    ids=["valid", "from-now", "invalid", "coming", "coming-and-not-yet-valid"],
)
def test_only_what_may_explain_something_is_said_of_validity(
    is_valid: bool, valid_from: datetime, said: str | None
) -> None:
    assert validity(ConfigInfo("app", is_valid, valid_from, PAST), NOW) == said


def listed(*, name: str = "app", is_valid: bool = True, valid_from: datetime = PAST) -> tuple[ConfigInfo, ...]:
    return ConfigInfo(name, is_valid, valid_from, PAST), ConfigInfo("other", True, PAST, PAST)


@pytest.mark.parametrize(
    ("infos", "is_missing", "clause", "hint"),
    [
        (listed(valid_from=COMING), True, "valid only from 2025-12-29T09:20:01Z", "wait until then"),
        (listed(is_valid=False), False, "says that it is not valid", "save a valid revision"),
        (listed(), True, "missing in this environment or version", "`environment` and `version`"),
        (listed(name="apq"), True, "not among the 2 that the token may read", "did you mean 'apq'?"),
        (listed(name="zzzz"), True, "not among the 2 that the token may read", "`config-sync list` shows them"),
        ((), True, "not among the 0", "`config-sync list`"),
    ],
    ids=["not-yet", "invalid", "other-environment", "near", "unlike", "empty-list"],
)
def test_the_list_explains_a_refusal(infos: tuple[ConfigInfo, ...], is_missing: bool, clause: str, hint: str) -> None:
    found = explain("app", infos, NOW, is_missing=is_missing)
    assert found is not None
    assert clause in found.clause
    assert hint in found.hint


@pytest.mark.parametrize("infos", [listed(), listed(name="apq")], ids=["valid", "absent"])
def test_the_list_explains_no_other_refusal(infos: tuple[ConfigInfo, ...]) -> None:
    assert explain("app", infos, NOW, is_missing=False) is None
