"""From the service to the disk: what is written, adopted, repaired, refused; and what each costs."""

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
from config_sync.model import AbsolutePath, ChangeEvent, EncryptionKey, Format, OnDrift, Result
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import FakeReload, Keys, unavailable
from tests.unit.reconciler.world import World, seen


def test_a_missing_file_is_written_and_the_consumer_told_with_the_file_in_place(world: World) -> None:
    world.service.put("app", {"port": 1})
    outcome = world.sync(world.target())
    assert (outcome.result, outcome.reason) == (Result.CHANGED, "Missing")
    assert outcome.wrote == (str(world.path),)
    assert seen(world.path).content == b'{"port": 1}'
    assert seen(world.path).mode == 0o640
    assert world.reload.reads == [{str(world.path): b'{"port": 1}'}]
    assert not world.record.reload_owed
    assert world.names == ["app.json"]


def test_a_file_that_is_right_already_is_adopted_without_a_write_or_a_reload(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.path.write_bytes(b'{"port": 1}')
    world.path.chmod(0o640)
    before = seen(world.path)
    outcome = world.sync(world.target())
    assert (outcome.result, outcome.reason) == (Result.UNCHANGED, "InSync")
    assert seen(world.path) == before
    assert world.reload.orders == []
    assert world.record.written
    assert not world.record.reload_owed


def test_a_new_version_is_written_and_told_with_its_story(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    hints = {"app": ChangeEvent("app", version=2, changed_by=7, timestamp=99.0)}
    outcome = world.sync(target, Wake.EVENT, occasion=Occasion(hints=hints))
    assert outcome.reason == "Outdated"
    order = world.reload.orders[-1]
    assert (order.version, order.previous_version, order.changed_by) == (2, 1, 7)
    assert order.changed == (str(world.path),)
    assert (world.record.version, world.record.changed_by, world.record.saved_at) == (2, 7, 99.0)


def test_the_same_again_costs_no_write_no_reload_and_no_change_of_the_record(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before, record = seen(world.path), world.record
    world.service.put("app", {"port": 1})
    assert world.sync(target, Wake.EVENT).result is Result.UNCHANGED
    world.restart()
    assert world.sync(target).result is Result.UNCHANGED
    assert seen(world.path) == before
    assert len(world.reload.orders) == 1
    assert world.record.written_at == record.written_at


def test_a_version_that_goes_backwards_is_applied(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 9}, version=9)
    world.sync(target)
    world.service.put("app", {"port": 3}, version=3)
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED
    assert seen(world.path).content == b'{"port": 3}'
    assert world.record.version == 3


def test_a_hint_of_another_version_than_the_fetched_one_tells_nothing(world: World) -> None:
    world.service.put("app", {"port": 1})
    hints = {"app": ChangeEvent("app", version=5, changed_by=7, timestamp=99.0)}
    world.sync(world.target(), occasion=Occasion(hints=hints))
    assert (world.record.version, world.record.changed_by, world.record.saved_at) == (1, None, None)


def test_without_a_version_from_the_service_the_hint_names_it_until_the_content_stays_the_same(world: World) -> None:
    world.service.tells_version = False
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target, occasion=Occasion(hints={"app": ChangeEvent("app", version=4, changed_by=7)}))
    assert (world.record.version, world.record.changed_by) == (4, 7)
    world.sync(target, occasion=Occasion(hints={"app": ChangeEvent("app", version=5, changed_by=8)}))
    assert (world.record.version, world.record.changed_by) == (4, 7)


def test_an_edited_file_is_restored_and_the_consumer_told(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.write_bytes(b"edited")
    outcome = world.sync(target, Wake.FILES)
    assert outcome.reason == "Drifted"
    assert world.reload.reads[1:] == [{str(world.path): b'{"port": 1}'}]


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE])
def test_a_tolerated_edit_stays_with_its_mode_until_a_new_version_comes(world: World, on_drift: OnDrift) -> None:
    target = dataclasses.replace(world.target(), on_drift=on_drift)
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.write_bytes(b"edited")
    world.path.chmod(0o600)
    before = seen(world.path)
    assert world.sync(target, Wake.RESYNC).reason == "DriftTolerated"
    assert seen(world.path) == before
    assert len(world.reload.orders) == 1
    world.service.put("app", {"port": 2})
    world.sync(target, Wake.EVENT)
    assert seen(world.path).content == b'{"port": 2}'
    assert len(world.reload.orders) == 2


def test_an_edit_between_the_look_and_the_publish_is_restored_and_told(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.on_fetch = lambda _: world.path.write_bytes(b"edited") and None
    outcome = world.sync(target, Wake.RESYNC)
    assert outcome.result is Result.CHANGED
    assert world.reload.reads[1:] == [{str(world.path): b'{"port": 1}'}]


def test_a_wrong_mode_is_repaired_without_a_reload(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.path.chmod(0o666)
    outcome = world.sync(target, Wake.FILES)
    assert (outcome.result, outcome.reason) == (Result.UNCHANGED, "ModeDiffers")
    assert seen(world.path).mode == 0o640
    assert len(world.reload.orders) == 1
    assert not world.record.reload_owed


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
    world.service.put("app", {"port": "nul \0 inside"})
    outcome = world.sync(target, Wake.EVENT)
    assert isinstance(outcome.error, RenderRefused)
    assert "nul" not in outcome.error.message.lower().replace("a nul", "")
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
    assert not world.record.reload_owed


def test_both_keys_of_a_rotation_open_the_answers(world: World) -> None:
    old, new = world.service.key, EncryptionKey("ab" * 32)
    world.keys = Keys((new, old))
    world.restart()
    target = world.target()
    world.service.put("app", {"port": 1})
    assert world.sync(target).error is None
    world.service.key = new
    world.service.put("app", {"port": 2})
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED


def test_several_files_of_one_config_cost_one_fetch_and_one_reload_after_the_last_publish(world: World) -> None:
    target = world.target(world.spec("a.json"), world.spec("b.json"), world.spec("c.json"))
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.sync(target, Wake.EVENT)
    assert world.service.counts["app"] == 2
    assert len(world.reload.orders) == 2
    assert set(world.reload.reads[-1].values()) == {b'{"port": 2}'}
    assert len(world.reload.orders[-1].changed) == 3


def test_of_several_configs_only_the_changed_file_is_named_as_changed(world: World) -> None:
    target = world.target(world.spec("a.json", "one"), world.spec("b.json", "two"))
    world.service.put("one", {"v": 1})
    world.service.put("two", {"v": 1})
    world.sync(target)
    before = seen(world.etc / "a.json")
    world.service.put("two", {"v": 2})
    world.sync(target, Wake.EVENT)
    assert world.reload.orders[-1].changed == (str(world.etc / "b.json"),)
    assert seen(world.etc / "a.json") == before


def test_one_bad_config_of_two_changes_neither_file(world: World) -> None:
    target = world.target(world.spec("a.json", "one"), world.spec("b.json", "two"))
    world.service.put("one", {"v": 1})
    world.service.put("two", b"no json")
    assert isinstance(world.sync(target).error, DocumentRefused)
    assert world.names == []


def test_a_pinned_version_is_what_is_written(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.put("app", {"port": 2})
    world.sync(world.target(world.spec(version=1)))
    assert seen(world.path).content == b'{"port": 1}'


def test_a_missing_directory_is_an_error_that_leaves_nothing_owed_and_heals(world: World) -> None:
    spec = dataclasses.replace(world.spec(), path=AbsolutePath(f"{world.etc}/new/app.json"))
    target = world.target(spec)
    world.service.put("app", {"port": 1})
    outcome = world.sync(target)
    assert isinstance(outcome.error, FileError)
    assert outcome.wrote == ()
    assert not world.record.reload_owed
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
    assert world.record.reload_owed
    assert reload.orders == []
    (world.etc / "new").mkdir()
    world.restart()
    world.sync(target)
    assert len(reload.orders) == 1
    assert not world.record.reload_owed


def test_a_stop_before_the_publish_changes_nothing(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.on_fetch = lambda _: world.stop.set()
    with pytest.raises(Stopped):
        world.sync(world.target())
    assert world.names == []
    assert not world.record.reload_owed


def test_an_unreachable_service_is_told_as_such_with_its_floor(world: World) -> None:
    world.service.outage = unavailable(retry_after_s=7.0)
    error = world.sync(world.target()).error
    assert isinstance(error, ServiceUnavailable)
    assert error.retry_after_s == 7.0
