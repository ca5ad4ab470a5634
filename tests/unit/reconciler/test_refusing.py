"""What is not written: bad content, a service that says no, a closed place; the last good file stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from config_sync.errors import (
    DecryptFailed,
    DocumentRefused,
    EmptyRefused,
    FileError,
    NotFound,
    RenderRefused,
    ServiceUnavailable,
    Stopped,
    SyncError,
)
from config_sync.formats.env import EnvFormat
from config_sync.model import AbsolutePath, Format, Result
from config_sync.workqueue import Wake
from tests.fakes import FakeReload, unavailable
from tests.unit.reconciler.world import World, seen


@pytest.mark.parametrize("empty", [b"{}", b"[]", b" {} "], ids=["object", "array", "blanks"])
def test_an_empty_document_replaces_nothing_unless_that_is_allowed(world: World, empty: bytes) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.put("app", empty)
    assert isinstance(world.sync(target, Wake.EVENT).error, EmptyRefused)
    assert seen(world.path) == before
    allowed = world.target(dataclasses.replace(world.spec(), allow_empty=True))
    assert world.sync(allowed, Wake.SETTINGS).result is Result.CHANGED
    assert seen(world.path).content == empty


def test_an_empty_document_is_written_where_nothing_was(world: World) -> None:
    world.service.put("app", {})
    assert world.sync(world.target()).result is Result.CHANGED
    assert world.sync(world.target(), Wake.RESYNC).result is Result.UNCHANGED


def _cut(sealed: bytes) -> bytes:
    return sealed[:-1]


def _flipped(sealed: bytes) -> bytes:
    return sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]


@pytest.mark.parametrize(
    ("content", "damage", "error"),
    [
        pytest.param({"port": 2}, _cut, DecryptFailed, id="truncated"),
        pytest.param({"port": 2}, _flipped, DecryptFailed, id="one_bit_flipped"),
        pytest.param({"port": 2}, lambda _: b"", DecryptFailed, id="empty_body"),
        pytest.param({"port": 2}, lambda _: b"<html>" * 20, DecryptFailed, id="error_page"),
        pytest.param(b"not json", bytes, DocumentRefused, id="no_json"),
        pytest.param(b'{"a": NaN}', bytes, DocumentRefused, id="nan"),
        pytest.param(b'{"a": 1, "a": 2}', bytes, DocumentRefused, id="duplicate_members"),
        pytest.param(b"\xff\xfe{}", bytes, DocumentRefused, id="utf16"),
        pytest.param(b"[" * 10_000 + b"]" * 10_000, bytes, DocumentRefused, id="deep"),
    ],
)
def test_bad_content_leaves_the_last_good_file_and_heals(
    world: World, content: object, damage: Callable[[bytes], bytes], error: type[SyncError]
) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before, record = seen(world.path), world.record
    world.service.put("app", content)
    world.service.damage["app"] = damage
    assert isinstance(world.sync(target, Wake.EVENT).error, error)
    assert seen(world.path) == before
    assert world.record == record
    assert len(world.reload.orders) == 1
    world.service.damage.clear()
    world.service.put("app", {"port": 3})
    assert world.sync(target, Wake.RETRY).result is Result.CHANGED


def test_a_damaged_answer_is_asked_for_in_full_the_next_time(world: World) -> None:
    """A client that remembers answers by their ETag would give the same damage for ever."""
    world.service.put("app", {"port": 1})
    world.service.damage["app"] = _cut
    world.sync(world.target())
    assert [ref.name for ref in world.service.forgotten] == ["app"]


def test_a_value_that_the_format_cannot_carry_leaves_the_last_good_file(world: World) -> None:
    env: Format = EnvFormat()
    target = world.target(dataclasses.replace(world.spec("app.env"), format=env))
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.etc / "app.env")
    world.service.put("app", {"port": "secret \0 inside"})
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RenderRefused)
    assert "secret" not in outcome.error.message
    assert seen(world.etc / "app.env") == before


@pytest.mark.parametrize("error", [unavailable(), NotFound("404")], ids=["unavailable", "not_found"])
def test_a_service_that_says_no_deletes_nothing(world: World, error: SyncError) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.fail("app", error)
    outcome = world.sync(target, Wake.RESYNC)
    assert outcome.error is error
    assert outcome.retry is error.retry
    assert seen(world.path) == before
    assert not world.owes()


def test_one_bad_config_of_two_changes_neither_file(world: World) -> None:
    target = world.target(world.spec("a.json", "one"), world.spec("b.json", "two"))
    world.service.put("one", {"v": 1})
    world.service.put("two", b"no json")
    assert isinstance(world.sync(target).error, DocumentRefused)
    assert world.names == []


def test_a_missing_directory_is_an_error_that_leaves_nothing_owed_and_heals(world: World) -> None:
    spec = dataclasses.replace(world.spec(), path=AbsolutePath(f"{world.etc}/new/app.json"))
    target = world.target(spec)
    world.service.put("app", {"port": 1})
    outcome = world.sync(target)
    assert isinstance(outcome.error, FileError)
    assert outcome.wrote == ()
    assert not world.owes()
    (world.etc / "new").mkdir()
    assert world.sync(target, Wake.RETRY).result is Result.CHANGED
    assert len(world.reload.orders) == 1


def test_the_second_of_two_files_cannot_be_written_the_reload_stays_owed_until_both_are(world: World) -> None:
    reload = FakeReload()
    second = dataclasses.replace(world.spec(), path=AbsolutePath(f"{world.etc}/new/app.json"))
    target = world.target(world.spec("a.json"), second, reload=(reload,))
    world.service.put("app", {"port": 1})
    outcome = world.sync(target)
    assert isinstance(outcome.error, FileError)
    assert outcome.wrote == (str(world.etc / "a.json"),)
    assert world.owes()
    assert reload.orders == []
    (world.etc / "new").mkdir()
    world.restart()
    world.sync(target)
    assert len(reload.orders) == 1
    assert not world.owes()


def test_a_stop_before_the_publish_changes_nothing(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.on_fetch = lambda _: world.stop.set()
    with pytest.raises(Stopped):
        world.sync(world.target())
    assert world.names == []
    assert not world.owes()


def test_an_unreachable_service_is_told_as_such_with_its_floor(world: World) -> None:
    world.service.outage = unavailable(retry_after_s=7.0)
    error = world.sync(world.target()).error
    assert isinstance(error, ServiceUnavailable)
    assert error.retry_after_s == 7.0
