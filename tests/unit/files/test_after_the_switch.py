"""What comes after the switch, or is found at the next start: nothing is undone, forgotten, or left lying about."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Calls, WriteResult, replace_file
from config_sync.model import AbsolutePath, Record
from config_sync.records import open_records
from tests.unit.files.world import NEW, OLD, DieAt, FailOn, Recorder, disk, forked, names, spec_of


class FailAfterRename:
    """A gate at which the look at the switched file fails."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._is_renamed = False

    def __call__(self, call: str) -> None:
        if call == "lstat" and self._is_renamed:
            self._is_renamed = False
            raise OSError(self._number, os.strerror(self._number))
        self._is_renamed = self._is_renamed or call == "rename"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE], ids=["io-error", "stale"])
def test_file_that_cannot_be_looked_at_after_the_rename_is_told_as_published(old: Path, number: int) -> None:
    published = disk(gate=FailAfterRename(number)).publish(spec_of(old), NEW, keep_old=True)
    assert published.result is WriteResult.WRITTEN_NOT_DURABLE
    assert published.error is not None
    assert (published.error.published, published.error.errno, published.error.step) == (True, number, "lstat")
    assert old.read_bytes() == NEW
    assert disk().restore(spec_of(old), published.kept)
    assert (old.read_bytes(), names(old.parent)) == (OLD, ["app.conf"])


def test_second_restore_makes_durable_what_a_dead_one_left(old: Path) -> None:
    kept = disk().publish(spec_of(old), NEW, keep_old=True).kept
    assert disk().restore(spec_of(old), kept)
    recorder = Recorder()
    assert not disk(gate=recorder).restore(spec_of(old), kept)
    assert recorder.calls.count("fsync") == 1


def test_failed_fsync_after_a_restore_is_told_as_published(old: Path) -> None:
    kept = disk().publish(spec_of(old), NEW, keep_old=True).kept
    with pytest.raises(FileError) as caught:
        disk(gate=FailOn("fsync", errno.EIO)).restore(spec_of(old), kept)
    assert caught.value.published
    assert old.read_bytes() == OLD


def test_own_file_whose_directory_fsync_fails_is_told_as_published(place: Path) -> None:
    with pytest.raises(FileError) as caught:
        replace_file(str(place), "own", NEW, mode=0o600, calls=Calls(FailOn("fsync", errno.EIO, nth=2)))
    assert caught.value.published
    assert (place / "own").read_bytes() == NEW


def test_own_file_is_saved_where_directories_cannot_be_fsynced(place: Path) -> None:
    replace_file(str(place), "own", NEW, mode=0o600, calls=Calls(FailOn("fsync", errno.EINVAL, nth=2)))
    assert (place / "own").read_bytes() == NEW


def test_temp_of_a_dead_save_goes_at_the_next_start_however_young(tmp_path: Path) -> None:
    recorder = Recorder()
    open_records(str(tmp_path), calls=Calls(recorder)).save("app", Record(version=1))
    at = recorder.calls.index("rename")
    assert forked(lambda: open_records(str(tmp_path), calls=Calls(DieAt(at))).save("app", Record(version=2))) == 9
    assert len(names(tmp_path)) == 2
    open_records(str(tmp_path))
    assert names(tmp_path) == ["records.json"]


def test_lock_file_of_a_dead_writer_goes_at_the_next_start_and_a_held_one_stays(place: Path, tmp_path: Path) -> None:
    locks = tmp_path / "locks"
    locks.mkdir()
    (locks / ("0" * 32)).touch()  # its device had another number then
    (locks / "foreign").touch()
    writer = disk(state_dir=tmp_path)

    def sweep_inside(call: str) -> None:
        if call == "rename":
            disk(state_dir=tmp_path).sweep([AbsolutePath(str(place))])
            seen.extend(names(locks))

    seen: list[str] = []
    disk(state_dir=tmp_path, gate=sweep_inside).publish(spec_of(place / "app.conf"), NEW)
    assert len(seen) == 2
    assert "0" * 32 not in seen
    writer.sweep([])
    assert names(locks) == ["foreign"]
