"""From the service to the disk: what is written, adopted, repaired, refused; and what each costs."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.model import ChangeEvent, ConfigRef, EncryptionKey, OnDrift, Result
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import Keys
from tests.unit.reconciler.world import World, seen


def test_a_missing_file_is_written_and_the_consumer_told_with_the_file_in_place(world: World) -> None:
    world.service.put("app", {"port": 1})
    outcome = world.sync(world.target())
    assert (outcome.result, outcome.reason) == (Result.CHANGED, "Missing")
    assert outcome.wrote == (str(world.path),)
    assert seen(world.path).content == b'{"port": 1}'
    assert seen(world.path).mode == 0o640
    assert world.reload.reads == [{str(world.path): b'{"port": 1}'}]
    assert not world.owes()
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
    assert not world.owes()


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


def test_an_edit_during_the_fetch_is_restored_and_told(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)

    def edit(_: ConfigRef) -> None:
        world.path.write_bytes(b"edited")

    world.service.on_fetch = edit
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
    assert not world.owes()


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


def test_a_pinned_version_is_what_is_written(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.put("app", {"port": 2})
    world.sync(world.target(world.spec(version=1)))
    assert seen(world.path).content == b'{"port": 1}'
