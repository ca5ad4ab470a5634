"""The stamp file: later with each change, and never somebody else's file."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from config_sync.errors import ReloadFailed, Stopped
from config_sync.model import AbsolutePath, ReloadResult
from config_sync.reloads import TouchReload
from config_sync.stop import Stop
from tests.unit.reloads.consumers import order

_GOES_ON = Stop()


def touch(path: Path) -> ReloadResult:
    return TouchReload(AbsolutePath(str(path))).run(order(), _GOES_ON)


def failure_of(path: Path) -> ReloadFailed:
    with pytest.raises(ReloadFailed) as caught:
        touch(path)
    assert caught.value.reason == "StampFailed"
    assert caught.value.hint
    return caught.value


@pytest.fixture
def umask() -> object:
    former = os.umask(0o077)
    yield former
    os.umask(former)


def test_a_missing_stamp_is_created_readable_for_all_whatever_the_umask(tmp_path: Path, umask: object) -> None:
    assert touch(tmp_path / "stamp") is ReloadResult.RELOADED
    found = (tmp_path / "stamp").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o644, 0)


def test_each_change_makes_it_later_and_keeps_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "stamp"
    path.write_text("of somebody's own\n")
    path.chmod(0o600)
    times = []
    for _ in range(50):
        touch(path)
        times.append(path.stat().st_mtime_ns)
    assert times == sorted(set(times))
    assert abs(times[-1] / 1e9 - time.time()) < 60
    assert path.read_text() == "of somebody's own\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_time_in_the_future_is_passed_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "stamp"
    path.touch()
    ahead = time.time_ns() + 3600 * 10**9
    os.utime(path, ns=(ahead, ahead))
    touch(path)
    assert path.stat().st_mtime_ns > ahead


def test_a_link_in_its_place_is_refused_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    os.utime(victim, (1, 1))
    (tmp_path / "stamp").symlink_to(victim)
    assert "is a symbolic link" in failure_of(tmp_path / "stamp").message
    assert victim.stat().st_mtime == 1
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    assert "is a symbolic link" in failure_of(tmp_path / "dangling").message
    assert not (tmp_path / "new").exists()


def test_a_link_of_our_own_on_the_way_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "deep").mkdir()
    (tmp_path / "relative").symlink_to("deep/../real")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative")
    touch(tmp_path / "absolute" / "stamp")
    assert (tmp_path / "real" / "stamp").exists()


def test_links_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    failure_of(tmp_path / "one" / "stamp")


@pytest.mark.root
def test_a_link_that_another_user_planted_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "planted").symlink_to(tmp_path / "victim")
    os.chown(tmp_path / "planted", 65534, -1, follow_symlinks=False)
    error = failure_of(tmp_path / "planted" / "stamp")
    assert "belongs to another user" in str(error.hint)
    assert list((tmp_path / "victim").iterdir()) == []


def test_what_is_no_regular_file_is_refused_and_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    for name in ("fifo", "directory"):
        assert "is not a regular file" in failure_of(tmp_path / name).message
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert "is not a regular file" in failure_of(tmp_path / "fifo").message
    finally:
        os.close(reader)


@pytest.mark.parametrize("name", ["missing/stamp", "file/stamp"])
def test_a_missing_directory_is_named_with_the_cure(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    error = failure_of(tmp_path / name)
    assert f"create the directory {(tmp_path / name).parent}" in str(error.hint)


def test_once_stopping_nothing_is_touched(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        TouchReload(AbsolutePath(str(tmp_path / "stamp"))).run(order(), stop)
    assert list(tmp_path.iterdir()) == []


def test_it_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("stamp")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        touch(tmp_path / "stamp")
        failure_of(tmp_path / "link")
        failure_of(tmp_path / "missing" / "stamp")
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: the collector may close what earlier tests left


def test_what_stands_in_its_way_is_told_beforehand(tmp_path: Path) -> None:
    assert list(TouchReload(AbsolutePath(str(tmp_path / "stamp"))).doubts()) == []
    (doubt,) = TouchReload(AbsolutePath(str(tmp_path / "missing" / "stamp"))).doubts()
    assert f"{tmp_path}/missing does not exist" in doubt.message
    assert not doubt.is_error
