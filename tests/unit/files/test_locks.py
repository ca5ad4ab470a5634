"""The order of writers, and the one agent of a state directory."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from config_sync.errors import FileError, StateLocked
from config_sync.files import Calls, StateLock, WriteResult
from config_sync.files.lock import ordered
from config_sync.files.replace import replace_file
from tests.unit.files.world import NEW, OLD, FailOn, Recorder, as_user, disk, forked, names, spec_of, umask

FAR = 4 * 10**18
"""An mtime (ns) in the next century."""


def test_many_threads_on_one_file_leave_one_whole_content_and_no_litter(place: Path, tmp_path: Path) -> None:
    contents = [bytes([65 + number]) * 5000 for number in range(16)]
    failures: list[FileError] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(5):
                disk(state_dir=tmp_path).publish(spec_of(place / "app.conf"), content)
        except FileError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (place / "app.conf").read_bytes() in contents
    assert names(place) == ["app.conf"]
    assert len(names(tmp_path / "locks")) == 1
    disk(state_dir=tmp_path).sweep([])
    assert names(tmp_path / "locks") == []


def test_second_writer_waits_for_the_first(place: Path, tmp_path: Path) -> None:
    calls = Calls()
    at = os.open(place, os.O_RDONLY)
    entered = threading.Event()

    def second() -> None:
        with ordered(calls, str(tmp_path), "a", at=at):
            entered.set()

    thread = threading.Thread(target=second)
    with ordered(calls, str(tmp_path), "a", at=at):
        thread.start()
        assert not entered.wait(0.1)
        with ordered(calls, str(tmp_path), "b", at=at):
            pass
    thread.join(60)
    assert entered.is_set()
    os.close(at)


def test_full_state_directory_is_told_by_its_own_path(old: Path, tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    gate = FailOn("open", errno.ENOSPC, nth=len(old.parts))
    with pytest.raises(FileError) as caught:
        disk(state_dir=tmp_path, gate=gate).publish(spec_of(old), NEW)
    assert old.read_bytes() == OLD
    assert caught.value.reason == "NoSpace"


def test_state_lock_holds_off_another_agent_and_names_its_pid(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with umask(0o000), StateLock(str(state)).acquire():
        assert state.stat().st_mode & 0o777 == 0o700
        assert (state / "lock").stat().st_mode & 0o777 == 0o600
        assert (state / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(StateLocked) as caught, StateLock(str(state)).acquire():
            pass
        assert f"pid {os.getpid()}" in caught.value.message
    with StateLock(str(state)).acquire():
        pass


def test_state_lock_of_a_killed_agent_is_free(tmp_path: Path) -> None:
    def die() -> None:
        StateLock(str(tmp_path)).acquire().__enter__()
        os._exit(9)

    assert forked(die) == 9
    with StateLock(str(tmp_path)).acquire():
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.root
def test_state_lock_in_a_closed_directory_is_a_file_error(place: Path) -> None:
    def locked() -> str:
        try:
            with StateLock(str(place / "state")).acquire():
                return "held"
        except FileError as error:
            return error.reason

    assert as_user(1234, locked) == "PermissionDenied"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_own_file_is_replaced_whole_with_its_mode(tmp_path: Path, mode: int) -> None:
    with umask(0o077):
        for content in (OLD, NEW):
            replace_file(str(tmp_path), "status.json", content, mode=mode)
            assert (tmp_path / "status.json").read_bytes() == content
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == mode
    assert names(tmp_path) == ["status.json"]


def test_own_file_stays_when_a_call_fails(tmp_path: Path) -> None:
    replace_file(str(tmp_path), "status.json", OLD, mode=0o644)
    with pytest.raises(FileError):
        replace_file(str(tmp_path), "status.json", NEW, mode=0o644, calls=Calls(FailOn("write", errno.ENOSPC)))
    assert (tmp_path / "status.json").read_bytes() == OLD
    assert names(tmp_path) == ["status.json"]


def test_unchanged_file_is_told_without_the_lock_that_a_writer_holds(old: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    writer = disk(state_dir=tmp_path, gate=recorder)
    writer.publish(spec_of(old), NEW)
    at = os.open(old.parent, os.O_RDONLY)
    recorder.calls.clear()
    with ordered(Calls(), str(tmp_path), old.name, at=at):
        assert writer.publish(spec_of(old), NEW).result is WriteResult.UNCHANGED
    os.close(at)
    assert not {"flock", "fsync", "listdir"} & set(recorder.calls)


def test_equal_file_that_another_process_put_there_is_made_durable_under_the_lock(old: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    writer = disk(state_dir=tmp_path, gate=recorder)
    writer.publish(spec_of(old), NEW)
    disk(state_dir=tmp_path).publish(spec_of(old), OLD)
    disk(state_dir=tmp_path).publish(spec_of(old), NEW)
    recorder.calls.clear()
    assert writer.publish(spec_of(old), NEW).result is WriteResult.UNCHANGED
    assert (recorder.calls.count("flock"), recorder.calls.count("fsync")) == (1, 2)


def test_write_looks_again_when_the_file_changed_while_it_waited_for_the_lock(old: Path, tmp_path: Path) -> None:
    """Another writer comes between the look without the lock and the lock: its file is the old one then."""
    others: list[int] = []

    def gate(call: str) -> None:
        if call == "flock" and not others:
            others.append(0)
            disk(state_dir=None).publish(spec_of(old), OLD + b"more")
            os.utime(old, ns=(FAR, FAR))

    disk(state_dir=tmp_path, gate=gate).publish(spec_of(old), NEW)
    assert old.read_bytes() == NEW
    assert old.stat().st_mtime_ns > FAR
