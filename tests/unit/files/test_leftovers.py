"""What a kill left: cleared for the destination at hand, swept elsewhere when old and unheld; the rest stays."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Calls, Disk
from config_sync.files.names import new_kept, new_stage, new_temp
from config_sync.model import AbsolutePath
from tests.unit.files.world import KEY, NEW, NOBODY, OLD, FailOn, Recorder, disk, names, spec_of


class Later:
    """A clock that is two minutes ahead, so that what was made just now is old."""

    def monotonic(self) -> float:
        return time.monotonic() + 120

    def now(self) -> float:
        return time.time() + 120


def sweep(place: Path, *, keep: Collection[str] = (), later: bool = True) -> tuple[str, ...]:
    swept = Disk(digest_key=KEY, state_dir=None, calls=Calls(), clock=Later() if later else None)
    return swept.sweep([AbsolutePath(str(place))], keep=keep)


FOREIGN = [
    ".hidden",
    ".config-sync",
    ".config-sync-0123abcd-0123456789abcdef.tmp.bak",
    ".config-sync-0123ABCD-0123456789abcdef.tmp",
    ".config-sync-0123abcd-0123456789abcde.tmp",
    ".config-sync-mine.stage",
    "config-sync-0123abcd-0123456789abcdef.tmp",
]


def test_write_removes_all_leftovers_of_its_destination_at_once_and_nothing_else(old: Path, place: Path) -> None:
    mine = [new_temp("app.conf"), new_temp("app.conf"), new_kept("app.conf")]
    others = [new_temp("other.conf"), new_kept("other.conf"), *FOREIGN]
    for name in mine + others:
        (place / name).write_bytes(b"left")
    disk().publish(spec_of(old), NEW)
    assert names(place) == sorted([*others, "app.conf"])


def test_unchanged_file_has_its_leftovers_removed_once_per_process(old: Path, place: Path) -> None:
    (place / new_temp("app.conf")).write_bytes(b"left")
    disk().publish(spec_of(old), OLD)
    assert names(place) == ["app.conf"]


def test_temp_that_a_live_writer_holds_stays(old: Path, place: Path) -> None:
    name = new_temp("app.conf")
    with (place / name).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        disk().publish(spec_of(old), NEW)
        assert sweep(place) == ()
        assert name in names(place)
    assert sweep(place) == (str(place / name),)


def test_entry_of_another_kind_under_our_name_stays_and_blocks_nothing(old: Path, place: Path) -> None:
    directory, link, fifo = new_temp("app.conf"), new_temp("app.conf"), new_temp("app.conf")
    (place / directory).mkdir()
    (place / link).symlink_to(old)
    os.mkfifo(place / fifo)
    disk().publish(spec_of(old), NEW)
    assert sweep(place) == ()
    assert names(place) == sorted([directory, link, fifo, "app.conf"])
    assert old.read_bytes() == NEW


def test_sweep_takes_old_temps_kept_files_and_stages_but_not_those_named_by_records(place: Path) -> None:
    temp, gone, kept, stage = new_temp("a"), new_kept("a"), new_kept("a"), new_stage()
    for name in [temp, gone, kept, *FOREIGN]:
        (place / name).write_bytes(b"left")
    (place / stage / "deep" / "er").mkdir(parents=True)
    (place / stage / "deep" / "file").write_bytes(b"secret")
    (place / stage / "link").symlink_to(place)
    assert sorted(sweep(place, keep={kept})) == sorted(str(place / name) for name in (temp, gone, stage))
    assert names(place) == sorted([kept, *FOREIGN])


def test_sweep_leaves_young_ones(place: Path) -> None:
    (place / new_temp("a")).write_bytes(b"young")
    os.utime(place / names(place)[0], (0, 0))
    assert sweep(place, later=False) == ()
    assert len(names(place)) == 1


def test_write_also_removes_old_temps_and_stages_of_others_but_never_their_kept_files(old: Path, place: Path) -> None:
    temp, stage, kept = new_temp("other"), new_stage(), new_kept("other")
    (place / stage).mkdir()
    for name in (temp, f"{stage}/other", kept):
        (place / name).write_bytes(b"left")
    disk().publish(spec_of(old), NEW)
    assert names(place) == sorted([temp, stage, kept, "app.conf"])
    Disk(digest_key=KEY, state_dir=None, clock=Later()).publish(spec_of(old), OLD)
    assert names(place) == sorted([kept, "app.conf"])


def test_directory_is_listed_again_after_a_minute_after_a_failure_and_for_a_way_back(old: Path, place: Path) -> None:
    ages, recorder, failing = [0.0], Recorder(), [FailOn("rename", errno.EIO, nth=99)]

    class Clock(Later):
        def now(self) -> float:
            return time.time() + ages[-1]

    def gate(call: str) -> None:
        recorder(call)
        failing[-1](call)

    writer = Disk(digest_key=KEY, state_dir=None, calls=Calls(gate), clock=Clock())

    def is_left_over_removed(content: bytes, *, keep_old: bool = False) -> bool:
        left = place / new_temp("app.conf")
        left.write_bytes(b"of another process")
        with contextlib.suppress(FileError):
            writer.publish(spec_of(old), content, keep_old=keep_old)
        is_gone = not left.exists()
        left.unlink(missing_ok=True)
        return is_gone

    assert is_left_over_removed(NEW)
    assert not is_left_over_removed(OLD), "it was listed a moment ago"
    ages.append(61)
    assert is_left_over_removed(NEW)
    failing.append(FailOn("rename", errno.EIO))
    assert not is_left_over_removed(OLD)
    assert is_left_over_removed(OLD), "a failed write may have left something"
    assert not is_left_over_removed(NEW, keep_old=True)
    assert is_left_over_removed(OLD), "the kept file is one of ours"
    assert names(place) == ["app.conf"]
    ages.append(-3600)
    assert is_left_over_removed(NEW), "the clock stepped back"


def test_sweep_of_a_missing_directory_is_nothing(place: Path) -> None:
    assert sweep(place / "none") == ()


@pytest.mark.root
def test_sweep_does_not_follow_a_strangers_link(place: Path) -> None:
    (place / "real").mkdir()
    (place / "real" / new_temp("a")).write_bytes(b"left")
    (place / "link").symlink_to("real")
    os.lchown(place / "link", NOBODY, NOBODY)
    assert sweep(place / "link") == ()
    assert len(names(place / "real")) == 1
