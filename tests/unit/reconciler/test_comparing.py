"""What a sync would change: beside the record, a pin, an edit, and without any of that being known."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from config_sync.files import Disk
from config_sync.model import OnDrift, Pin, PinnedBy, PinnedUntil, Record, Target
from config_sync.reconciler.comparing import Attribute, Change, Difference, difference, sight
from config_sync.reconciler.desired import Desired, from_service
from config_sync.reconciler.guarding import Schemas
from config_sync.records import read_records
from tests.unit.reconciler.world import World


def wanted(world: World, target: Target) -> Desired:
    return from_service(
        target,
        world.service,
        keys=world.keys,
        schemas=Schemas(),
        digest_key=world.records.digest_key,
        record=world.record,
        hints={},
        stop=world.stop,
    )


def compared(world: World, target: Target, *, record: Record | None = None, is_known: bool = True) -> Difference:
    disk = Disk(digest_key=world.records.digest_key, state_dir=None)
    record = (record or world.record) if is_known else None
    return difference(target, wanted(world, target), sight(target, disk), record=record, disk=disk, shows_values=False)


def synced(world: World) -> Target:
    target = world.target()
    world.service.put("app", {"port": 1, "host": "a"})
    world.sync(target)
    return target


def test_nothing_differs_right_after_a_sync(world: World) -> None:
    target = synced(world)
    assert compared(world, target) == Difference(target, (), is_told=False)


def test_a_newer_version_is_a_change_that_the_consumer_would_be_told_of(world: World) -> None:
    target = synced(world)
    world.service.put("app", {"port": 2, "host": "a"})
    found = compared(world, target)
    (one,) = found.files
    assert (one.change, one.note, found.is_told, found.is_held) == (Change.CHANGED, None, True, False)
    assert [line.text for line in one.lines][1:] == ["port: ••••••", "port: •••••• (changed)", "host: ••••••"]


def test_a_wrong_mode_alone_is_an_attribute_and_no_reload(world: World) -> None:
    target = synced(world)
    world.path.chmod(0o600)
    found = compared(world, target)
    assert found.files[0].attributes == (Attribute("mode", 0o600, 0o640),)
    assert (found.files[0].change, found.files[0].lines, found.is_told) == (Change.ATTRIBUTES, (), False)


def test_owner_and_group_are_compared_where_the_settings_name_them(world: World) -> None:
    target = synced(world)
    spec = dataclasses.replace(target.files[0], uid=os.getuid() + 1, gid=os.getgid() + 1)
    found = compared(world, dataclasses.replace(target, files=(spec,)))
    assert [one.name for one in found.files[0].attributes] == ["owner", "group"]


def test_an_edit_is_said_to_be_one_and_tolerated_where_it_is(world: World) -> None:
    target = synced(world)
    world.path.write_text('{"port":3,"host":"a"}')
    assert compared(world, target).files[0].note == "somebody edited it"
    left = dataclasses.replace(target, on_drift=OnDrift.REPORT)
    found = compared(world, left)
    assert found.files[0].note == "somebody edited it, and `on_drift` leaves it so"
    assert not found.is_told
    unknown = compared(world, target, is_known=False)
    assert unknown.files[0].note is None
    assert not unknown.is_told


def test_of_a_held_target_it_shows_what_waits(world: World) -> None:
    target = synced(world)
    pin = Pin(dict(world.record.written), PinnedBy.OPERATOR, PinnedUntil.RESUME, reason="looking", since=5.0)
    held = dataclasses.replace(world.record, pin=pin)
    assert not compared(world, target, record=held).files
    world.service.put("app", {"port": 2, "host": "a"})
    found = compared(world, target, record=held)
    assert found.files[0].change is Change.CHANGED
    assert (found.is_held, found.is_told) == (True, False)


def test_of_a_revision_that_was_rolled_back_it_shows_what_is_skipped(world: World) -> None:
    target = synced(world)
    before = dict(world.record.written)
    world.service.put("app", {"port": 2})
    refused = {str(one.path): one.digest for one in wanted(world, target).wanted}
    pin = Pin(before, PinnedBy.FAILURE, PinnedUntil.NEWER, refused=refused, refused_version=2, reason="it died")
    skipped = dataclasses.replace(world.record, pin=pin)
    assert compared(world, target, record=skipped).is_held
    world.service.put("app", {"port": 3})
    found = compared(world, target, record=skipped)
    assert (found.is_held, found.is_told) == (False, True)


def test_a_dropped_file_is_removed_with_prune_if_it_is_as_we_left_it(world: World) -> None:
    both = world.target(world.spec(), world.spec("b.json"))
    world.service.put("app", {"port": 1})
    world.sync(both)
    one = world.target(world.spec())
    assert compared(world, one).files == ()
    pruned = dataclasses.replace(one, prune=True)
    found = compared(world, pruned)
    assert [(gone.path.name, gone.change) for gone in found.files] == [("b.json", Change.REMOVED)]
    assert found.is_told
    (world.etc / "b.json").write_text("by hand")
    assert compared(world, pruned).files == ()
    (world.etc / "b.json").unlink()
    assert compared(world, pruned).files == ()


def test_a_look_changes_nothing(world: World) -> None:
    target = synced(world)
    before = {path: path.stat() for path in world.directory.rglob("*")}
    compared(world, target)
    assert {path: path.stat() for path in world.directory.rglob("*")}.keys() == before.keys()
    assert all(path.stat().st_mtime_ns == at.st_mtime_ns for path, at in before.items())


# ---- the records that it reads


def test_records_are_read_as_they_stand_and_never_saved(world: World) -> None:
    synced(world)
    known = read_records(str(world.state))
    assert known.why == ""
    assert known.get("app") == world.record
    assert known.digest_key == world.records.digest_key
    before = (world.state / "records.json").read_bytes()
    known.save("app", Record())
    assert (world.state / "records.json").read_bytes() == before


def test_records_that_are_not_there_or_damaged_are_told_of_and_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert read_records(str(state)).why == f"there is no {state}/records.json"
    assert not state.exists()
    state.mkdir()
    (state / "records.json").write_text("{")
    assert "is damaged" in read_records(str(state)).why
    assert os.listdir(state) == ["records.json"]
    (state / "records.json").unlink()
    (state / "records.json").mkdir()
    assert "cannot be read by uid" in read_records(str(state)).why
