"""The way back: keep, restore, discard."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Disk, WriteResult
from config_sync.model import FileSpec
from tests.unit.files.world import (
    NEW,
    NOBODY,
    OLD,
    DieAt,
    FailFrom,
    FailOn,
    Recorder,
    as_user,
    disk,
    forked,
    names,
    snapshot,
    spec_of,
)


def test_kept_file_comes_back_as_the_very_inode(old: Path) -> None:
    before = snapshot(old)
    writer = disk()
    published = writer.publish(spec_of(old), NEW, keep_old=True)
    assert published.result is WriteResult.WRITTEN
    assert published.kept is not None
    assert (old.parent / published.kept).read_bytes() == OLD
    assert writer.restore(spec_of(old), published.kept)
    assert snapshot(old) == before
    assert names(old.parent) == ["app.conf"]


def test_second_restore_changes_nothing(old: Path) -> None:
    writer = disk()
    published = writer.publish(spec_of(old), NEW, keep_old=True)
    assert writer.restore(spec_of(old), published.kept)
    assert not writer.restore(spec_of(old), published.kept)
    assert old.read_bytes() == OLD


def test_file_that_was_not_there_before_goes_again(place: Path) -> None:
    writer = disk()
    spec = spec_of(place / "app.conf")
    published = writer.publish(spec, NEW, keep_old=True)
    assert published.kept is None
    assert writer.restore(spec, None)
    assert writer.restore(spec, None)
    assert names(place) == []


def test_restore_before_anything_was_replaced_removes_the_second_name(old: Path) -> None:
    before = snapshot(old)
    writer = disk()
    kept = writer.keep(spec_of(old))
    assert kept is not None
    assert writer.restore(spec_of(old), kept)
    assert snapshot(old) == before
    assert names(old.parent) == ["app.conf"]


def test_keep_of_nothing_is_none(place: Path) -> None:
    assert disk().keep(spec_of(place / "app.conf")) is None
    assert disk().keep(spec_of(place / "none" / "app.conf")) is None


def test_discard_removes_the_kept_file_and_may_be_repeated(old: Path) -> None:
    writer = disk()
    published = writer.publish(spec_of(old), NEW, keep_old=True)
    assert published.kept is not None
    writer.discard(spec_of(old), published.kept)
    writer.discard(spec_of(old), published.kept)
    assert names(old.parent) == ["app.conf"]
    assert old.read_bytes() == NEW


def test_kept_file_is_no_foreign_hard_link(old: Path) -> None:
    writer = disk()
    kept = writer.keep(spec_of(old))
    assert kept is not None
    published = writer.publish(spec_of(old), NEW, keep={kept})
    assert published.warnings == ()
    assert (old.parent / kept).read_bytes() == OLD


def test_kept_file_that_no_record_names_goes_at_the_next_write(old: Path) -> None:
    writer = disk()
    writer.publish(spec_of(old), NEW, keep_old=True)
    writer.publish(spec_of(old), OLD)
    assert names(old.parent) == ["app.conf"]


def test_unchanged_content_keeps_nothing(old: Path) -> None:
    assert disk().publish(spec_of(old), OLD, keep_old=True).kept is None
    assert names(old.parent) == ["app.conf"]


class AtLink:
    """A gate at which something else happens just before the link is made."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self._happen = happen

    def __call__(self, call: str) -> None:
        if call == "link":
            self._happen()


def replaced(path: Path) -> None:
    """By another program."""
    (path.parent / "other").write_bytes(b"other\n")
    (path.parent / "other").rename(path)


def made_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize(
    "happen",
    [
        replaced,
        lambda path: path.write_bytes(b"edited\n"),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    ],
    ids=["replaced", "edited", "a-link"],
)
@pytest.mark.parametrize("way", ["keep", "publish"])
def test_what_comes_between_the_look_and_the_link_is_not_kept_for_the_old_file(
    old: Path, way: str, happen: Callable[[Path], object]
) -> None:
    writer = disk(gate=AtLink(lambda: happen(old)))
    with pytest.raises(FileError) as caught:
        writer.keep(spec_of(old)) if way == "keep" else writer.publish(spec_of(old), NEW, keep_old=True)
    assert (caught.value.reason, caught.value.transient) == ("Overtaken", True)
    assert names(old.parent) == ["app.conf"]
    assert old.is_symlink() or old.read_bytes() in (b"other\n", b"edited\n")


def test_name_that_an_earlier_run_left_is_not_taken_for_the_kept_file(old: Path) -> None:
    kept = disk(gate=FailOn("link", errno.EEXIST)).keep(spec_of(old))
    assert kept is not None
    assert (old.parent / kept).samefile(old)
    with pytest.raises(FileError):
        disk(gate=FailFrom("link", errno.EEXIST)).keep(spec_of(old))
    assert names(old.parent) == sorted(["app.conf", kept])


@pytest.mark.parametrize("name", ["app.conf", "../x", "", ".config-sync-00000000-0000000000000000.old"])
def test_name_that_is_not_ours_is_refused(old: Path, name: str) -> None:
    for act in (disk().restore, disk().discard):
        with pytest.raises(FileError):
            act(spec_of(old), name)
    assert old.read_bytes() == OLD


def test_where_no_hard_link_can_be_made_a_closed_copy_serves(old: Path) -> None:
    writer = disk(gate=FailOn("link", errno.EPERM))
    published = writer.publish(spec_of(old), NEW, keep_old=True)
    assert published.kept is not None
    copy = old.parent / published.kept
    assert copy.read_bytes() == OLD
    assert copy.stat().st_mode & 0o7777 == 0o600
    assert writer.restore(spec_of(old), published.kept)
    assert old.read_bytes() == OLD
    assert writer.publish(spec_of(old), OLD).result is WriteResult.HEALED


@pytest.mark.root
def test_file_of_another_user_is_kept_as_a_copy_by_an_unprivileged_agent(place: Path, old: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    old.chmod(0o644)

    def work() -> bool:
        published = disk().publish(spec_of(old), NEW, keep_old=True)
        assert published.kept is not None
        return (place / published.kept).read_bytes() == OLD and disk().restore(spec_of(old), published.kept)

    assert as_user(NOBODY, work) is True
    assert old.read_bytes() == OLD


def there_and_back(writer: Disk, spec: FileSpec) -> None:
    kept = writer.keep(spec)
    assert kept is not None
    writer.publish(spec, NEW, keep={kept})
    writer.restore(spec, kept)


def test_death_at_any_call_of_keep_and_restore_leaves_a_whole_file(old: Path) -> None:
    os.utime(old, (10**9, 10**9))
    recorder = Recorder()
    there_and_back(disk(gate=recorder), spec_of(old))
    for at in range(len(recorder.calls)):
        assert forked(partial(there_and_back, disk(gate=DieAt(at)), spec_of(old))) == DieAt.CODE
        assert old.read_bytes() in (OLD, NEW)
        disk().publish(spec_of(old), OLD)
        assert old.read_bytes() == OLD
        assert names(old.parent) == ["app.conf"], (at, recorder.calls[at])


def test_failing_rename_of_a_restore_is_told_and_can_be_repeated(old: Path) -> None:
    published = disk().publish(spec_of(old), NEW, keep_old=True)
    with pytest.raises(FileError) as caught:
        disk(gate=FailOn("rename", errno.EIO)).restore(spec_of(old), published.kept)
    assert caught.value.step == "rename"
    assert old.read_bytes() == NEW
    assert disk().restore(spec_of(old), published.kept)
    assert old.read_bytes() == OLD


def test_link_destination_keeps_beside_the_real_file(place: Path, old: Path) -> None:
    (place / "way").mkdir()
    link = place / "way" / "link.conf"
    link.symlink_to(old)
    spec = dataclasses.replace(spec_of(link))
    published = disk().publish(spec, NEW, keep_old=True)
    assert published.kept in names(place)
    assert disk().restore(spec, published.kept)
    assert old.read_bytes() == OLD
    assert link.is_symlink()
