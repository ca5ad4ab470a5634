"""Many first files at once: the promises of one file for each, and fewer fsyncs."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Published, WriteResult
from config_sync.files.names import new_kept, new_temp
from config_sync.model import Durability, FileSpec
from tests.unit.files.world import NEW, OLD, DieAt, FailAt, FailFrom, FailOn, Recorder, disk, forked, names, spec_of


def many(place: Path, count: int, *, create_parents: bool = False) -> list[tuple[FileSpec, bytes]]:
    return [
        (
            dataclasses.replace(spec_of(place / f"{number:03}.conf"), create_parents=create_parents),
            NEW + b"%d" % number,
        )
        for number in range(count)
    ]


def results(answers: Collection[Published | FileError]) -> list[WriteResult | str]:
    return [one.reason if isinstance(one, FileError) else one.result for one in answers]


def is_right(items: Collection[tuple[FileSpec, bytes]]) -> bool:
    return all(
        Path(spec.path).read_bytes() == content and Path(spec.path).stat().st_mode & 0o7777 == spec.mode
        for spec, content in items
    )


def test_new_files_of_one_directory_share_its_fsync(place: Path, tmp_path: Path) -> None:
    items = many(place, 150)
    recorder = Recorder()
    writer = disk(gate=recorder, state_dir=tmp_path)
    assert results(writer.publish_many(items)) == [WriteResult.WRITTEN] * 150
    assert recorder.calls.count("fsync") == 150 + 3
    assert is_right(items)
    assert names(place) == [spec.path.name for spec, _ in items]
    assert len(names(tmp_path / "locks")) == 150
    recorder.calls.clear()
    assert results(writer.publish_many(items)) == [WriteResult.UNCHANGED] * 150
    assert "fsync" not in recorder.calls, "all of them are known to be durable"


def test_every_file_is_synced_before_any_is_renamed(place: Path) -> None:
    recorder = Recorder()
    disk(gate=recorder).publish_many(many(place, 3))
    steps = [call for call in recorder.calls if call in ("fsync", "rename")]
    assert steps == ["fsync"] * 3 + ["rename"] * 3 + ["fsync"]


def test_files_of_several_directories_and_what_is_there_already(place: Path) -> None:
    (place / "b").mkdir()
    (place / "target").write_bytes(OLD)
    items = [*many(place, 3), *many(place / "b", 3), *many(place / "c", 2), *many(place / "d", 2, create_parents=True)]
    (place / "001.conf").write_bytes(OLD)
    (place / "002.conf").symlink_to("target")
    (place / "b" / "000.conf").mkdir()
    written = WriteResult.WRITTEN
    assert results(disk().publish_many(items)) == [
        *[written] * 3,
        *["NotRegularFile", written, written],
        *["DirectoryMissing"] * 2,
        *[written] * 2,
    ]
    assert (place / "target").read_bytes() == items[2][1]
    assert is_right([one for one in items if "/c/" not in one[0].path and one[0].path != f"{place}/b/000.conf"])


def test_leftovers_go_and_named_ways_back_stay(place: Path) -> None:
    kept, gone, temp, foreign = new_kept("001.conf"), new_kept("000.conf"), new_temp("001.conf"), new_temp("other")
    for name in (kept, gone, temp, foreign):
        (place / name).write_bytes(b"left")
    disk().publish_many(many(place, 2), keep=[kept])
    assert names(place) == sorted(["000.conf", "001.conf", kept, foreign])


def test_one_bad_file_does_not_touch_the_others(place: Path) -> None:
    items = many(place, 5)
    answers = disk(gate=FailOn("write", errno.ENOSPC, nth=3)).publish_many(items)
    assert results(answers) == [WriteResult.WRITTEN] * 5, "the single way works again"
    long = [(spec_of(place / ("n" * 300)), NEW), *many(place / "..", 0)]
    assert results(disk().publish_many([*many(place, 2), *long]))[-1] == "NameTooLong"


def test_renames_that_all_fail_leave_nothing(place: Path) -> None:
    assert results(disk(gate=FailFrom("rename", errno.EPERM)).publish_many(many(place, 3))) == ["PermissionDenied"] * 3
    assert names(place) == []


def test_two_at_once_do_not_wait_for_each_other_for_ever(place: Path, tmp_path: Path) -> None:
    items = many(place, 100)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(disk(state_dir=tmp_path).publish_many, part) for part in (items, items[::-1], items[50:])]
        assert all(isinstance(one, Published) for each in tries for one in each.result(timeout=30))
    assert is_right(items)
    assert len(names(place)) == 100


def test_failed_fsync_of_the_directory_is_told_for_each(place: Path) -> None:
    writer = disk(gate=FailOn("fsync", errno.EIO, nth=4))
    answers = writer.publish_many(many(place, 3))
    assert results(answers) == [WriteResult.WRITTEN_NOT_DURABLE] * 3
    assert all(isinstance(one, Published) and one.error is not None and one.error.published for one in answers)
    assert results(writer.publish_many(many(place, 3))) == [WriteResult.HEALED] * 3


def test_durability_none_makes_no_fsync_and_one_path_twice_is_written_twice(place: Path) -> None:
    recorder = Recorder()
    items = [(dataclasses.replace(spec, durability=Durability.NONE), content) for spec, content in many(place, 3)]
    again = (items[0][0], OLD)
    assert results(disk(gate=recorder).publish_many([*items, again])) == [WriteResult.WRITTEN] * 4
    assert "fsync" not in recorder.calls
    assert (place / "000.conf").read_bytes() == OLD


def test_every_failing_call_and_every_death_leave_whole_files_and_no_litter(place: Path, tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()

    def publish(gate: Callable[[str], None] | None = None) -> tuple[Published | FileError, ...]:
        return disk(gate=gate, state_dir=tmp_path).publish_many(many(place, 2))

    def clean() -> None:
        for name in os.listdir(place):
            (place / name).unlink()

    recorder = Recorder()
    publish(recorder)
    for at, call in enumerate(recorder.calls):
        clean()
        answers = publish(FailAt(at, errno.EIO))
        assert all(isinstance(one, Published) for one in answers), (at, call)  # by the single way
        assert (is_right(many(place, 2)), names(place)) == (True, ["000.conf", "001.conf"]), (at, call)
        clean()
        assert forked(partial(publish, DieAt(at))) == DieAt.CODE
        for spec, content in many(place, 2):
            assert not Path(spec.path).exists() or Path(spec.path).read_bytes() == content, (at, call)
        publish()
        assert (is_right(many(place, 2)), names(place)) == (True, ["000.conf", "001.conf"]), (at, call)
        assert len(names(tmp_path / "locks")) == 2, (at, call)


@pytest.mark.parametrize("count", [0, 1], ids=["none", "one"])
def test_few_files(place: Path, count: int) -> None:
    assert results(disk().publish_many(many(place, count))) == [WriteResult.WRITTEN] * count
