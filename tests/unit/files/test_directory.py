"""Several files as one: switched together, repaired, adopted, refused."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import WriteResult
from config_sync.model import AbsolutePath, Durability, SymlinkPolicy
from tests.unit.files.sets import (
    OTHER,
    V1,
    V2,
    by_name,
    generations,
    identity,
    items,
    later,
    litter,
    publish,
    root_of,
    shown,
)
from tests.unit.files.world import NOBODY, FailOn, Recorder, as_user, disk, forked, names, umask
from tests.waiting import eventually


def paths(place: Path, *base: str) -> tuple[AbsolutePath, ...]:
    return tuple(AbsolutePath(str(place / name)) for name in base)


def test_first_set_is_links_to_one_generation(place: Path) -> None:
    done = publish(place, V1)
    assert (done.result, done.kept, done.warnings) == (WriteResult.WRITTEN, None, ())
    assert set(done.changed) == set(paths(place, *V1))
    assert os.readlink(place / "..data") == done.generation
    assert {name: os.readlink(place / name) for name in V1} == {name: f"..data/{name}" for name in V1}
    assert shown(place) == by_name(place) == V1
    assert names(place) == sorted(["..data", done.generation, *V1])


def test_next_set_is_another_generation_and_the_one_before_is_kept(place: Path) -> None:
    first = publish(place, V1)
    times = {name: (place / name).stat().st_mtime_ns for name in V1}
    done = publish(place, {**V2, "tls.key": V1["tls.key"]}, previous=set(V1))
    assert (done.result, done.kept) == (WriteResult.WRITTEN, first.generation)
    assert set(done.changed) == set(paths(place, "app.conf", "tls.crt"))
    assert shown(place) == by_name(place)
    assert sorted(generations(place)) == sorted([first.generation, done.generation])
    assert all((place / name).stat().st_mtime_ns > times[name] for name in V1)


def test_same_set_is_no_write_at_all(place: Path) -> None:
    writer = disk()
    publish(place, V1, by=writer)
    before, recorder = identity(place), Recorder()
    assert publish(place, V1, by=writer, previous=set(V1)).result is WriteResult.UNCHANGED
    fresh = publish(place, V1, gate=recorder, previous=set(V1))
    assert (fresh.result, fresh.changed, fresh.kept) == (WriteResult.UNCHANGED, (), None)
    assert recorder.calls.count("fsync") == 5, (
        "a killed predecessor may not have: three files, their directory, the root"
    )
    assert not {"write", "rename", "mkdir", "symlink", "fchmod", "utime"} & set(recorder.calls)
    assert identity(place) == before


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids="umask-{:03o}".format)
def test_modes_are_the_wanted_ones_whatever_the_umask(place: Path, mask: int) -> None:
    place.chmod(0o2750)
    with umask(mask):
        done = publish(place, V1)
    assert (place / done.generation).stat().st_mode & 0o7777 == 0o2755
    assert {(place / name).stat().st_mode & 0o7777 for name in V1} == {0o640}
    assert place.stat().st_mode & 0o7777 == 0o2750


def test_wrong_mode_is_healed_by_a_new_generation_and_nothing_counts_as_changed(place: Path) -> None:
    publish(place, V1)
    (place / "tls.key").chmod(0o666)
    done = publish(place, V1, previous=set(V1))
    assert (done.result, done.changed) == (WriteResult.HEALED, ())
    assert (place / "tls.key").stat().st_mode & 0o7777 == 0o640


def test_vanished_name_goes_and_a_foreign_file_of_that_name_stays_and_is_told(place: Path) -> None:
    publish(place, {**V1, "old.conf": b"x", "taken.conf": b"y"})
    (place / "taken.conf").unlink()
    (place / "taken.conf").write_bytes(b"somebody's")
    done = publish(place, V1, previous={*V1, "old.conf", "taken.conf", "never.conf"})
    assert (done.result, done.changed) == (WriteResult.WRITTEN, ())
    assert done.removed == paths(place, "old.conf")
    assert done.stayed == paths(place, "taken.conf")
    assert str(place / "taken.conf") in done.warnings[0]
    assert by_name(place) == {**V1, "taken.conf": b"somebody's"}


def test_vanished_name_goes_without_a_manifest_while_its_generation_is_there(place: Path) -> None:
    publish(place, {**V1, "old.conf": b"x"})
    (place / "own.conf").symlink_to("..data/own.conf")
    assert publish(place, V1).removed == paths(place, "old.conf")
    assert (place / "own.conf").is_symlink(), "none of our generations had that name"


def test_grace_keeps_a_replaced_generation_and_then_it_goes_although_nothing_changed(place: Path) -> None:
    first = publish(place, V1)
    second = publish(place, V2, previous=set(V1))
    assert publish(place, V2, previous=set(V1)).result is WriteResult.UNCHANGED
    assert first.generation in generations(place)
    publish(place, V2, previous=set(V1), grace_s=-1, keep={first.generation})
    assert first.generation in generations(place)
    publish(place, V2, previous=set(V1), grace_s=-1)
    assert generations(place) == [second.generation]


def test_generation_that_was_never_shown_and_links_never_switched_go_at_once(place: Path) -> None:
    publish(place, V1)
    (place / "..gfedcba9876543210").mkdir(mode=0o700)
    eventually(lambda: later(place))
    (place / "..g0123456789abcdef").mkdir()
    (place / "..g0123456789abcdef" / "tls.key").write_bytes(b"left")
    (place / ".config-sync-01234567-0123456789abcdef.link").symlink_to("..g0123456789abcdef")
    foreign = ["..g0123", "..2024_01_01", ".config-sync-01234567-0123456789abcde.link"]
    for name in foreign:
        (place / name).mkdir()
    publish(place, V1)
    assert litter(place) == sorted(foreign)


def test_directory_like_a_generation_that_holds_a_directory_stays(place: Path) -> None:
    publish(place, V1)
    (place / "..g0123456789abcdef" / "deep").mkdir(parents=True)
    (place / "..g0123456789abcdef" / "file").write_bytes(b"mine")
    publish(place, V1)
    assert (place / "..g0123456789abcdef" / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("damage", ["gone", "file", "link"])
def test_name_that_somebody_took_is_put_right(place: Path, damage: str) -> None:
    done = publish(place, V1)
    (place / "tls.key").unlink()
    if damage == "file":
        (place / "tls.key").write_bytes(b"edited by rename, as sed -i does")
    if damage == "link":
        (place / "tls.key").symlink_to("tls.crt")
    again = publish(place, V1, previous=set(V1))
    assert (again.result, again.generation) == (WriteResult.WRITTEN, done.generation)
    assert again.changed == paths(place, "tls.key")
    assert os.readlink(place / "tls.key") == "..data/tls.key"
    assert by_name(place) == V1


def test_lost_data_link_and_an_edit_inside_are_put_right(place: Path) -> None:
    publish(place, V1)
    (place / "..data").unlink()
    assert publish(place, V1, previous=set(V1)).result is WriteResult.WRITTEN
    with (place / "app.conf").open("ab") as file:
        file.write(b"edited")
    assert publish(place, V1, previous=set(V1)).changed == paths(place, "app.conf")
    assert by_name(place) == V1


def test_tolerated_edits_go_on_with_the_set_as_they_are(place: Path) -> None:
    publish(place, V1)
    (place / "app.conf").write_bytes(b"inside")
    (place / "tls.key").unlink()
    (place / "tls.key").write_bytes(b"in its place")
    left = {"app.conf", "tls.key"}
    same = publish(place, V1, previous=set(V1), leave=left)
    assert (same.result, same.changed) == (WriteResult.UNCHANGED, ())
    done = publish(place, V2, previous=set(V1), leave=left)
    assert done.changed == paths(place, "tls.crt")
    assert by_name(place) == {"app.conf": b"inside", "tls.crt": V2["tls.crt"], "tls.key": b"in its place"}


def test_durability_none_makes_no_fsync_and_refuse_follows_no_link(place: Path) -> None:
    recorder = Recorder()
    specs = [(dataclasses.replace(spec, durability=Durability.NONE), content) for spec, content in items(place, V1)]
    disk(gate=recorder).publish_directory(root_of(place), specs)
    assert "fsync" not in recorder.calls
    (place / "way").symlink_to(".")
    refusing = [(dataclasses.replace(one, symlink=SymlinkPolicy.REFUSE), b"") for one, _ in items(place / "way", V1)]
    with pytest.raises(FileError, match="symbolic link"):
        disk().publish_directory(root_of(place / "way"), refusing)


def test_order_of_syncs_and_switch(place: Path) -> None:
    publish(place, V1)
    recorder = Recorder()
    publish(place, OTHER, gate=recorder, previous=set(V1))
    kinds = ("mkdir", "write", "fsync", "symlink", "rename", "unlink")
    steps = [call for call in recorder.calls if call in kinds]
    built = ["mkdir", *["write", "fsync"] * 3, "fsync"]
    assert steps == [*built, "fsync", "symlink", "rename", "fsync", "symlink", "unlink", "fsync"]


def test_failed_fsync_after_the_switch_is_told_and_the_next_run_builds_anew(place: Path) -> None:
    writer = disk(gate=FailOn("fsync", errno.EIO, nth=6))
    done = publish(place, V1, by=writer)
    assert done.result is WriteResult.WRITTEN_NOT_DURABLE
    assert done.error is not None
    assert done.error.published
    assert by_name(place) == V1
    again = publish(place, V1, by=writer, previous=set(V1))
    assert (again.result, again.changed) == (WriteResult.HEALED, ())
    assert again.generation != done.generation


def test_reader_of_data_never_sees_two_generations(place: Path) -> None:
    publish(place, V1)
    ended = threading.Event()
    seen: list[dict[str, bytes]] = []

    def read() -> None:
        while not ended.is_set():
            seen.append(shown(place))

    reader = threading.Thread(target=read)
    reader.start()
    writer = disk()
    for number in range(60):
        publish(place, V2 if number % 2 else V1, by=writer, previous=set(V1))
    ended.set()
    reader.join()
    assert len(seen) > 10
    assert all(one in (V1, V2) for one in seen)


@pytest.mark.root
def test_unprivileged_agent_publishes_into_a_shared_directory_and_others_cannot_read(place: Path) -> None:
    os.chown(place, 0, NOBODY)
    place.chmod(0o2775)

    def work() -> object:
        publish(place, V1)
        publish(place, V2, previous=set(V1))
        return by_name(place)["tls.key"].decode()

    assert as_user(2000, work, groups=(NOBODY,)) == "key 2\n"
    assert (place / "tls.key").stat().st_gid == NOBODY
    assert as_user(2001, lambda: (place / "..data").is_dir() and not os.access(place / "tls.key", os.R_OK))


def test_killed_holder_of_the_lock_does_not_block(place: Path, tmp_path: Path) -> None:
    assert forked(lambda: publish(place, V1, state=tmp_path)) == 0
    assert publish(place, V2, state=tmp_path, previous=set(V1)).result is WriteResult.WRITTEN
