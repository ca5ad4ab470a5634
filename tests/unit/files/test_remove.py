"""``prune``: what is ours and as we wrote it goes; all else stays and says why."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import NotOurs, Removal, Removed
from config_sync.model import AbsolutePath, digest_of
from tests.unit.files.sets import V1, by_name, publish
from tests.unit.files.world import KEY, NEW, OLD, DieAt, FailAt, FailOn, Recorder, disk, forked, names, snapshot


def remove(
    path: Path, *, wrote: bytes = OLD, gate: Callable[[str], None] | None = None, state: Path | None = None
) -> Removal:
    return disk(gate=gate, state_dir=state).remove(AbsolutePath(str(path)), digest_of(wrote, key=KEY))


def test_unmodified_file_goes_durably(old: Path, place: Path) -> None:
    recorder = Recorder()
    assert remove(old, gate=recorder) == Removed(is_news=True)
    assert recorder.calls.index("fsync") > recorder.calls.index("unlink")
    assert names(place) == []
    assert remove(old) == Removed(is_news=False)
    assert remove(place / "no" / "where") == Removed(is_news=False)


def a_link(path: Path) -> None:
    path.symlink_to(path.with_name("app.conf"))


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda path: path.write_bytes(NEW), "changed"), (Path.mkdir, "directory"), (os.mkfifo, "FIFO"), (a_link, "link")],
    ids=["edited", "directory", "fifo", "link"],
)
def test_anything_else_stays_and_says_why(old: Path, place: Path, make: Callable[[Path], object], says: str) -> None:
    make(place / "other.conf")
    answer = remove(place / "other.conf")
    assert isinstance(answer, NotOurs)
    assert says in answer.reason
    assert names(place) == ["app.conf", "other.conf"]


def test_names_of_a_set_go_one_by_one_and_the_last_takes_the_generations_along(place: Path) -> None:
    publish(place, V1)
    assert remove(place / "app.conf", wrote=V1["app.conf"]) == Removed(is_news=True)
    assert isinstance(remove(place / "tls.crt"), NotOurs)
    assert remove(place / "tls.crt", wrote=V1["tls.crt"]) == Removed(is_news=True)
    assert by_name(place) == {"tls.key": V1["tls.key"]}
    (place / ".theirs").write_bytes(b"")
    assert remove(place / "tls.key", wrote=V1["tls.key"]) == Removed(is_news=True)
    assert names(place) == [".theirs"]


def test_failing_call_leaves_the_file_or_has_removed_it_and_death_is_ended_by_the_next_try(
    old: Path, tmp_path: Path
) -> None:
    (tmp_path / "locks").mkdir()
    recorder = Recorder()
    remove(old, gate=recorder, state=tmp_path)
    for at, call in enumerate(recorder.calls):
        old.write_bytes(OLD)
        before = snapshot(old)
        try:
            removal = remove(old, gate=FailAt(at, errno.EIO), state=tmp_path)
            assert isinstance(removal, Removed), (at, call)
            assert (removal.error is not None) is (call == "fsync"), (at, call)
            assert snapshot(old) is None, (at, call)
        except FileError:
            assert snapshot(old) == before, (at, call)
        old.write_bytes(OLD)
        assert forked(partial(remove, old, gate=DieAt(at), state=tmp_path)) == DieAt.CODE
        assert isinstance(remove(old, state=tmp_path), Removed)
        assert (names(old.parent), names(tmp_path / "locks")) == ([], []), (at, call)


def test_file_that_may_not_be_removed_is_an_error_that_says_so(old: Path) -> None:
    with pytest.raises(FileError) as caught:
        remove(old, gate=FailOn("unlink", errno.EPERM))
    assert caught.value.reason == "PermissionDenied"
    assert old.read_bytes() == OLD


def test_removal_whose_directory_cannot_be_synced_is_told_as_done_and_made_durable_when_asked_again(old: Path) -> None:
    removal = remove(old, gate=FailOn("fsync", errno.EIO))
    assert isinstance(removal, Removed)
    assert removal.is_news
    assert removal.error is not None
    assert (removal.error.reason, removal.error.published, removal.error.errno) == ("NotDurable", True, errno.EIO)
    assert "a power cut may bring it back" in removal.error.message
    assert not old.exists()
    recorder = Recorder()
    assert remove(old, gate=recorder) == Removed(is_news=False)
    assert recorder.calls.count("fsync") == 1


def test_what_is_gone_is_confirmed_durably_and_what_is_there_stays(old: Path, place: Path) -> None:
    path = AbsolutePath(str(old))
    assert disk().confirm_gone(path) is None
    assert old.read_bytes() == OLD
    old.unlink()
    recorder = Recorder()
    assert disk(gate=recorder).confirm_gone(path) == Removed(is_news=False)
    assert recorder.calls.count("fsync") == 1
    failed = disk(gate=FailOn("fsync", errno.EIO)).confirm_gone(path)
    assert failed is not None
    assert failed.error is not None
    assert disk(gate=FailOn("fsync", errno.EINVAL)).confirm_gone(path) == Removed(is_news=False)
    assert disk().confirm_gone(AbsolutePath(f"{place}/no/where")) == Removed(is_news=False)


def test_death_at_any_call_of_a_sets_last_removal_leaves_no_secret_behind(place: Path) -> None:
    publish(place, {"tls.key": V1["tls.key"]})
    recorder = Recorder()
    remove(place / "tls.key", wrote=V1["tls.key"], gate=recorder)
    assert names(place) == []
    for at, call in enumerate(recorder.calls):
        for gate in (DieAt(at), FailAt(at, errno.EIO)):
            publish(place, {"tls.key": V1["tls.key"]})
            forked(partial(remove, place / "tls.key", wrote=V1["tls.key"], gate=gate))
            assert isinstance(remove(place / "tls.key", wrote=V1["tls.key"]), Removed), (at, call)
            assert names(place) == [], (at, call)
