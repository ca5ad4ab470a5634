"""``write: in_place`` and the disk: what is known to be durable, and a way back that is there when it is needed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import WriteResult
from tests.unit.files.test_in_place import in_place
from tests.unit.files.world import NEW, NOBODY, OLD, DieAt, FailOn, Recorder, as_user, disk, forked


def test_what_was_written_is_known_to_be_durable_and_not_synced_again(old: Path) -> None:
    recorder = Recorder()
    writer = disk(gate=recorder)
    writer.publish(in_place(old), NEW)
    recorder.calls.clear()
    assert writer.publish(in_place(old), NEW).result is WriteResult.UNCHANGED
    assert "fsync" not in recorder.calls
    # Another version with the same bytes, and with the time of the old one, is none that we know.
    before = old.stat().st_mtime_ns
    os.utime(old, ns=(before, before - 1))
    assert writer.publish(in_place(old), NEW).result is WriteResult.UNCHANGED
    assert recorder.calls.count("fsync") == 2


def test_copy_is_durable_with_its_name_before_a_byte_changes(old: Path) -> None:
    recorder = Recorder()
    disk(gate=recorder).publish(in_place(old), NEW, keep_old=True)
    steps = [call for call in recorder.calls if call in ("write", "fsync", "ftruncate")]
    assert steps == ["write", "fsync", "fsync", "write", "ftruncate", "fsync", "fsync"]
    with pytest.raises(FileError):
        disk(gate=FailOn("fsync", errno.EIO, nth=2)).publish(in_place(old), OLD, keep_old=True)
    assert old.read_bytes() == NEW
    recorder.calls.clear()
    kept = disk(gate=recorder).keep(in_place(old))
    assert recorder.calls.count("fsync") == 2
    assert (old.parent / (kept or "")).read_bytes() == NEW


def test_second_restore_makes_the_bytes_durable_before_it_lets_the_copy_go(old: Path) -> None:
    spec = in_place(old)
    kept = disk().keep(spec)
    disk().publish(spec, NEW, keep=[kept or ""])
    at_fsync = Recorder()
    disk(gate=at_fsync).restore(spec, kept)
    kept = disk().publish(spec, NEW, keep_old=True).kept
    assert forked(lambda: disk(gate=DieAt(at_fsync.calls.index("fsync"))).restore(spec, kept)) == DieAt.CODE
    assert old.read_bytes() == OLD
    recorder = Recorder()
    assert disk(gate=recorder).restore(spec, kept)
    steps = [call for call in recorder.calls if call in ("write", "fsync", "unlink")]
    assert steps == ["fsync", "unlink", "fsync"]


def test_bytes_that_a_second_restore_cannot_sync_are_written_anew(old: Path) -> None:
    spec = in_place(old)
    kept = disk().keep(spec)
    recorder, failing = Recorder(), FailOn("fsync", errno.EIO)

    def gate(call: str) -> None:
        recorder(call)
        failing(call)

    assert disk(gate=gate).restore(spec, kept)
    steps = [call for call in recorder.calls if call in ("write", "fsync", "unlink")]
    assert steps == ["fsync", "write", "fsync", "unlink", "fsync"]


@pytest.mark.root
def test_copy_that_cannot_be_read_is_not_taken_as_gone(old: Path) -> None:
    spec = in_place(old)
    kept = disk().keep(spec)
    (old.parent / (kept or "")).chmod(0)
    os.chown(old, NOBODY, NOBODY)
    os.chown(old.parent, NOBODY, NOBODY)

    def restore() -> str:
        try:
            return str(disk().restore(spec, kept))
        except FileError as error:
            return error.message

    assert "may not read it (EACCES at read)" in str(as_user(NOBODY, restore))
