"""Publishing when all goes well: bytes, attributes, identity, time."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from config_sync.files import WriteResult
from config_sync.model import AbsolutePath, Durability
from tests.unit.files.world import (
    NEW,
    NOBODY,
    OLD,
    Recorder,
    disk,
    grant_by_default_acl,
    names,
    snapshot,
    spec_of,
    umask,
)


def test_new_file_has_content_default_mode_and_no_neighbour(place: Path) -> None:
    published = disk().publish(spec_of(place / "app.conf"), NEW)
    assert published.result is WriteResult.WRITTEN
    assert (place / "app.conf").read_bytes() == NEW
    assert (place / "app.conf").stat().st_mode & 0o7777 == 0o640
    assert names(place) == ["app.conf"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400, 0o444, 0o040, 0o755, 0o2640], ids="{:04o}".format)
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777], ids="umask-{:03o}".format)
@pytest.mark.parametrize("existing", [None, 0o644, 0o600], ids=["absent", "wide", "narrow"])
def test_mode_is_the_wanted_one_whatever_the_umask(place: Path, mode: int, mask: int, existing: int | None) -> None:
    path = place / "app.conf"
    if existing is not None:
        path.write_bytes(OLD)
        path.chmod(existing)
    with umask(mask):
        disk().publish(dataclasses.replace(spec_of(path), mode=mode), NEW)
    assert path.stat().st_mode & 0o7777 == mode
    assert path.read_bytes() == NEW
    assert names(place) == ["app.conf"]


def test_replaced_file_is_a_new_inode_with_a_strictly_later_mtime(old: Path) -> None:
    future = old.stat().st_mtime_ns + 10**15
    os.utime(old, ns=(future, future))
    before = old.stat()
    disk().publish(spec_of(old), NEW)
    assert old.stat().st_ino != before.st_ino
    assert old.stat().st_mtime_ns > future


def test_mtime_grows_with_each_of_a_hundred_quick_writes(old: Path) -> None:
    writer = disk()
    times = []
    for number in range(100):
        writer.publish(dataclasses.replace(spec_of(old), durability=Durability.NONE), b"%d" % number)
        times.append(old.stat().st_mtime_ns)
    assert times == sorted(set(times))


def test_unchanged_file_is_not_touched_but_made_durable_once_per_process(old: Path) -> None:
    before = snapshot(old)
    recorder = Recorder()
    writer = disk(gate=recorder)
    first = writer.publish(spec_of(old), OLD)
    assert first.result is WriteResult.UNCHANGED
    assert recorder.calls.count("fsync") == 2
    recorder.calls.clear()
    assert writer.publish(spec_of(old), OLD).result is WriteResult.UNCHANGED
    assert "fsync" not in recorder.calls
    assert "listdir" not in recorder.calls
    assert snapshot(old) == before


def test_written_file_is_synced_before_and_its_directory_after_the_rename(old: Path) -> None:
    recorder = Recorder()
    disk(gate=recorder).publish(spec_of(old), NEW)
    steps = [call for call in recorder.calls if call in ("write", "fchmod", "fsync", "rename")]
    assert steps == ["write", "fchmod", "fsync", "rename", "fsync"]


def test_durability_none_makes_no_fsync(old: Path) -> None:
    recorder = Recorder()
    disk(gate=recorder).publish(dataclasses.replace(spec_of(old), durability=Durability.NONE), NEW)
    assert "fsync" not in recorder.calls
    assert old.read_bytes() == NEW


def test_wrong_mode_is_healed_by_a_new_file_with_the_same_bytes(old: Path) -> None:
    old.chmod(0o666)
    inode = old.stat().st_ino
    with old.open("r+b") as held:
        assert disk().publish(spec_of(old), OLD).result is WriteResult.HEALED
        held.write(b"someone with an old descriptor")
    assert old.read_bytes() == OLD
    assert old.stat().st_mode & 0o7777 == 0o640
    assert old.stat().st_ino != inode


@pytest.mark.root
def test_wrong_owner_is_healed_and_then_stable(old: Path) -> None:
    spec = dataclasses.replace(spec_of(old), uid=1234, gid=2345)
    writer = disk()
    assert writer.publish(spec, OLD).result is WriteResult.HEALED
    assert (old.stat().st_uid, old.stat().st_gid) == (1234, 2345)
    before = snapshot(old)
    assert writer.publish(spec, OLD).result is WriteResult.UNCHANGED
    assert snapshot(old) == before


@pytest.mark.root
def test_owner_that_the_settings_leave_open_is_no_difference(old: Path) -> None:
    os.chown(old, 1234, 2345)
    before = snapshot(old)
    assert disk().publish(spec_of(old), OLD).result is WriteResult.UNCHANGED
    assert snapshot(old) == before


@pytest.mark.root
def test_only_a_group_set_stays_stable(old: Path) -> None:
    spec = dataclasses.replace(spec_of(old), gid=2345)
    writer = disk()
    assert writer.publish(spec, OLD).result is WriteResult.HEALED
    assert writer.publish(spec, OLD).result is WriteResult.UNCHANGED
    assert writer.publish(spec, NEW).result is WriteResult.WRITTEN
    assert (old.stat().st_uid, old.stat().st_gid) == (os.getuid(), 2345)


@pytest.mark.root
def test_setgid_directory_gives_its_group(place: Path) -> None:
    os.chown(place, 0, 2000)
    place.chmod(0o2775)
    with umask(0o000):
        disk().publish(spec_of(place / "app.conf"), NEW)
    info = (place / "app.conf").stat()
    assert (info.st_gid, info.st_mode & 0o7777) == (2000, 0o640)


def test_default_acl_of_the_directory_does_not_open_the_file(place: Path) -> None:
    grant_by_default_acl(place, NOBODY)
    disk().publish(spec_of(place / "app.conf"), NEW)
    assert "system.posix_acl_access" not in os.listxattr(place / "app.conf")
    assert (place / "app.conf").stat().st_mode & 0o7777 == 0o640


def test_acl_on_the_file_is_a_difference_and_is_healed(place: Path) -> None:
    grant_by_default_acl(place, NOBODY)
    path = place / "app.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    assert "system.posix_acl_access" in os.listxattr(path)
    assert disk().publish(spec_of(path), OLD).result is WriteResult.HEALED
    assert "system.posix_acl_access" not in os.listxattr(path)


def test_other_hard_links_are_warned_of_and_keep_the_old_content(old: Path, place: Path) -> None:
    os.link(old, place / "other")
    published = disk().publish(spec_of(old), NEW)
    assert len(published.warnings) == 1
    assert "hard link" in published.warnings[0]
    assert (place / "other").read_bytes() == OLD


def test_missing_parents_are_made_0755_under_any_umask(place: Path) -> None:
    spec = dataclasses.replace(spec_of(place / "a" / "b" / "app.conf"), create_parents=True)
    with umask(0o077):
        disk().publish(spec, NEW)
    assert (place / "a").stat().st_mode & 0o7777 == 0o755
    assert (place / "a" / "b").stat().st_mode & 0o7777 == 0o755
    assert (place / "a" / "b" / "app.conf").read_bytes() == NEW


@pytest.mark.root
def test_made_parents_inherit_the_setgid_bit(place: Path) -> None:
    os.chown(place, 0, 2000)
    place.chmod(0o2775)
    disk().publish(dataclasses.replace(spec_of(place / "a" / "app.conf"), create_parents=True), NEW)
    assert (place / "a").stat().st_mode & 0o7777 == 0o2755
    assert (place / "a" / "app.conf").stat().st_gid == 2000


def test_two_writers_with_two_state_directories_never_mix(place: Path) -> None:
    path = place / "app.conf"
    for number in range(20):
        for state in ("one", "two"):
            writer = disk(state_dir=place / state)
            writer.publish(spec_of(path), b"%d" % number * 1000)
    assert path.read_bytes() == b"19" * 1000
    assert len(names(place / "one" / "locks")) == 1, "one for the destination, however often it is written"


def test_file_larger_than_one_write_call_is_whole(place: Path) -> None:
    content = os.urandom(3 << 20)
    disk().publish(spec_of(place / "app.conf"), content)
    assert (place / "app.conf").read_bytes() == content


def test_empty_content_is_an_empty_file(old: Path) -> None:
    assert disk().publish(spec_of(old), b"").result is WriteResult.WRITTEN
    assert old.read_bytes() == b""


def test_longest_base_name_is_published(place: Path) -> None:
    path = place / ("n" * 255)
    disk().publish(spec_of(path), NEW)
    assert path.read_bytes() == NEW


def test_name_that_is_no_unicode_is_published(place: Path) -> None:
    path = os.fsencode(place) + b"/caf\xe9"
    disk().publish(dataclasses.replace(spec_of("/x"), path=AbsolutePath(os.fsdecode(path))), NEW)
    assert os.path.getsize(path) == len(NEW)
