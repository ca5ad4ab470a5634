"""The order of writers, and the one agent of a state directory."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from config_sync.errors import FileError, StateLocked
from config_sync.files import Calls, StateLock
from config_sync.files.lock import ordered
from config_sync.files.replace import replace_file
from tests.unit.files.world import NEW, OLD, FailOn, as_user, disk, forked, names, spec_of, umask


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
    thread.join(5)
    assert entered.is_set()
    os.close(at)


def test_full_state_directory_is_told_by_its_own_path(old: Path, tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    gate = FailOn("open", errno.ENOSPC, nth=len(old.parts) + 2)
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
