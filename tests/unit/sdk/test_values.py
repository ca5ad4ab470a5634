"""Snapshots, errors, events and the module itself: small things that programs lean on."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config_sync
from config_sync import ConfigChangeEvent, ConfigClientError, NotFoundError, Snapshot
from config_sync.errors import ServiceUnavailable
from config_sync.sdk.errors import client_error
from config_sync.sdk.types import parse_event


def test_a_snapshot_is_empty_at_first() -> None:
    snapshot: Snapshot[int] = Snapshot()
    assert (snapshot.load(), snapshot.version, snapshot.stored_at, snapshot.changes) == (None, None, None, 0)


def test_a_snapshot_tells_version_and_time_of_its_value() -> None:
    snapshot: Snapshot[str] = Snapshot()
    snapshot.store("SECRET-CANARY", version=3)
    assert (snapshot.load(), snapshot.version, snapshot.changes) == ("SECRET-CANARY", 3, 1)
    assert snapshot.stored_at is not None
    assert datetime.now(UTC) - snapshot.stored_at < timedelta(seconds=10)
    assert "SECRET-CANARY" not in repr(snapshot)
    assert "SECRET-CANARY" not in repr(snapshot.stored)


def test_waiting_ends_with_the_change_or_the_timeout() -> None:
    snapshot: Snapshot[int] = Snapshot()
    began = time.monotonic()
    assert not snapshot.wait_for_change(0.05)
    assert 0.04 < time.monotonic() - began < 30
    threading.Timer(0.05, snapshot.store, (1,)).start()
    assert snapshot.wait_for_change(5)
    assert snapshot.load() == 1


def test_a_change_between_a_look_and_the_wait_is_not_missed() -> None:
    snapshot: Snapshot[int] = Snapshot()
    seen = snapshot.changes
    snapshot.store(1)
    assert snapshot.wait_for_change(0, since=seen)
    assert not snapshot.wait_for_change(0, since=snapshot.changes)


def test_readers_always_see_a_value_with_its_own_version() -> None:
    snapshot: Snapshot[int] = Snapshot()
    snapshot.store(0, version=0)
    over = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not over.is_set():
            held = snapshot.stored
            if held.value != held.version:
                wrong.append(held)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for number in range(2000):
        snapshot.store(number, version=number)
    over.set()
    for one in readers:
        one.join()
    assert wrong == []


def test_an_error_keeps_status_and_hint_through_pickling_and_shows_the_hint() -> None:
    error = NotFoundError("gone", status=404, hint="look elsewhere")
    again: object = pickle.loads(pickle.dumps(error))
    assert isinstance(again, NotFoundError)
    assert (str(again), again.status, again.hint) == ("gone", 404, "look elsewhere")
    assert "hint: look elsewhere" in "".join(traceback.format_exception(error))
    assert (ConfigClientError().status, ConfigClientError("x").hint) == (None, None)


def test_hints_speak_of_options_and_not_of_the_agents_settings() -> None:
    error = client_error(ServiceUnavailable("no answer", hint="is the port in service.host right?"))
    assert error.hint == "is the port in Options.host right?"


@given(st.text() | st.builds(str, st.dictionaries(st.text(), st.integers())))
def test_any_data_of_an_event_is_read_or_skipped(data: str) -> None:
    assert parse_event(data) is None or isinstance(parse_event(data), ConfigChangeEvent)


@pytest.mark.parametrize(
    "data",
    [
        "[" * 100_000,
        '{"config_name":"a","version":1e400,"changed_by":1,"timestamp":"2026-01-01T00:00:00Z"}',
        '{"config_name":"a","version":1,"changed_by":1,"timestamp":"2026-13-01T00:00:00Z"}',
        '{"config_name":"a","version":' + "9" * 5000 + ',"changed_by":1,"timestamp":"2026-01-01T00:00:00Z"}',
        '{"config_name":"a","version":null,"changed_by":1,"timestamp":"2026-01-01T00:00:00Z"}',
        " " * 100_000,
    ],
    ids=["deep", "infinite", "no-time", "digits", "null", "long"],
)
def test_hostile_data_of_an_event_is_skipped(data: str) -> None:
    assert parse_event(data) is None


def test_an_event_keeps_nanoseconds_to_the_microsecond_and_its_offset() -> None:
    data = '{"config_name":"a","version":1,"changed_by":2,"timestamp":"2026-01-02T03:04:05.123456789+02:00"}'
    found = parse_event(data)
    assert found is not None
    assert found.timestamp.isoformat() == "2026-01-02T03:04:05.123456+02:00"


def test_every_name_is_found_and_unknown_ones_are_not() -> None:
    for name in config_sync.__all__:
        assert getattr(config_sync, name).__module__.startswith("config_sync.")
        assert name in dir(config_sync)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = config_sync.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import config_sync", ("config_sync.sdk", "httpcore", "cryptography", "json", "asyncio")),
        ("from config_sync import ConfigClient, Options", ("httpx", "asyncio", "pydantic", "structlog", "yaml")),
        ("from config_sync import AsyncConfigClient", ("httpx", "pydantic", "structlog", "yaml", "starlette")),
    ],
    ids=["package", "sync", "async"],
)  # fmt: skip
def test_an_import_brings_along_only_what_it_needs(code: str, absent: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert set(absent) & set(done.stdout.split()) == set()
