"""The list of configs, parsed at the border."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.client.listing import ConfigInfo, parse_listing, parse_time
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
    ["2026-13-02T03:04:05Z", "2026-01-02", "2026-01-02T03:04:05.Z", "\u0662026-01-02T03:04:05Z", "now", ""],
    ids=["month", "date", "no-fraction", "arabic-digit", "word", "empty"],
)
def test_another_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(st.datetimes(timezones=st.timezones()), st.integers(min_value=0, max_value=999))
def test_go_nanoseconds_are_cut_to_microseconds(when: datetime, nanoseconds: int) -> None:
    utc = when.astimezone(UTC) if when.year not in (1, 9999) else when.replace(tzinfo=UTC)
    text = f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06}{nanoseconds:03}Z".rjust(30, "0")
    assert parse_time(text) == utc
