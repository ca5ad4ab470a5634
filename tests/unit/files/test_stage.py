"""Staged copies: right names, right looks, closed to others, and always removed."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Calls, Disk
from config_sync.model import AbsolutePath, FileSpec
from tests.unit.files.test_leftovers import Later
from tests.unit.files.world import (
    KEY,
    NEW,
    NOBODY,
    OLD,
    DieAt,
    FailAt,
    Recorder,
    as_user,
    disk,
    forked,
    grant_by_default_acl,
    names,
    snapshot,
    spec_of,
    umask,
)


def test_copy_has_base_name_content_and_mode_in_a_closed_hidden_directory(old: Path, place: Path) -> None:
    before = snapshot(old)
    spec = dataclasses.replace(spec_of(old), mode=0o604)
    with umask(0o077), disk().stage([(spec, NEW)]) as staged:
        copy = Path(staged.paths[spec.path])
        assert copy.name == "app.conf"
        assert copy.parent.parent == place
        assert copy.read_bytes() == NEW
        assert copy.stat().st_mode & 0o7777 == 0o604
        assert copy.parent.stat().st_mode & 0o777 == 0o700
        assert staged.directory == str(copy.parent)
    assert names(place) == ["app.conf"]
    assert snapshot(old) == before


@pytest.mark.root
def test_copy_has_owner_and_setgid_group_and_no_inherited_acl(place: Path) -> None:
    os.chown(place, 0, 2000)
    place.chmod(0o2775)
    grant_by_default_acl(place, NOBODY)
    spec = dataclasses.replace(spec_of(place / "app.conf"), uid=1234)
    with disk().stage([(spec, NEW)]) as staged:
        copy = Path(staged.paths[spec.path])
        assert (copy.stat().st_uid, copy.stat().st_gid) == (1234, 2000)
        assert "system.posix_acl_access" not in os.listxattr(copy)
        assert as_user(NOBODY, lambda: os.access(copy, os.R_OK)) is False
        assert as_user(NOBODY, lambda: os.access(copy.parent, os.X_OK)) is False


def test_files_of_one_directory_share_a_stage(place: Path) -> None:
    files = [(spec_of(place / name), name.encode()) for name in ("a", "b", "c")]
    with disk().stage(files) as staged:
        assert staged.directory is not None
        assert names(Path(staged.directory)) == ["a", "b", "c"]
    assert names(place) == []


def two_directories(place: Path, second: str) -> list[tuple[FileSpec, bytes]]:
    (place / "x").mkdir()
    (place / "y").mkdir()
    return [(spec_of(place / "x" / "a"), OLD), (spec_of(place / "y" / second), NEW)]


def test_files_of_several_directories_have_a_stage_each(place: Path) -> None:
    files = two_directories(place, "b")
    with disk().stage(files) as staged:
        assert staged.directory is None
        for spec, content in files:
            copy = Path(staged.paths[spec.path])
            assert copy.parent.parent == Path(spec.path.parent)
            assert copy.read_bytes() == content
    assert names(place / "x") == names(place / "y") == []


def test_one_directory_is_made_on_demand(place: Path) -> None:
    with disk().stage(two_directories(place, "b"), one_directory=True) as staged:
        assert staged.directory is not None
        assert Path(staged.directory).parent == place / "x"
        assert names(Path(staged.directory)) == ["a", "b"]
    assert names(place / "x") == names(place / "y") == []


def test_one_directory_is_impossible_when_base_names_collide(place: Path) -> None:
    with disk().stage(two_directories(place, "a"), one_directory=True) as staged:
        assert staged.directory is None


def test_same_base_name_in_one_real_directory_through_a_link_is_staged_twice(place: Path) -> None:
    (place / "x").mkdir()
    (place / "link").symlink_to("x")
    (place / "x" / "one").write_bytes(OLD)
    (place / "y").mkdir()
    (place / "y" / "a").symlink_to(place / "x" / "one")
    files = [(spec_of(place / "x" / "a"), OLD), (spec_of(place / "y" / "a"), NEW)]
    with disk().stage(files) as staged:
        assert [Path(path).read_bytes() for path in staged.paths.values()] == [OLD, NEW]


def test_exception_inside_removes_the_stage_and_passes_on(place: Path) -> None:
    def interrupted() -> None:
        with disk().stage([(spec_of(place / "a"), NEW)]) as staged:
            Path(str(staged.directory), "left by the checker").mkdir()
            Path(str(staged.directory), "left by the checker", "file").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(place) == []


def test_any_failing_call_leaves_no_stage(place: Path) -> None:
    recorder = Recorder()
    with disk(gate=recorder).stage([(spec_of(place / "a"), NEW)]):
        set_up = len(recorder.calls)
    for at in range(set_up):
        with contextlib.suppress(FileError):  # the close of a directory may fail without harm
            use(disk(gate=FailAt(at, errno.EIO)), place / "a")
        assert names(place) == [], (at, recorder.calls[at])


def use(disk_: Disk, path: Path) -> None:
    with disk_.stage([(spec_of(path), NEW)]):
        pass


def test_death_at_any_call_leaves_only_what_a_later_sweep_removes(old: Path, place: Path) -> None:
    recorder = Recorder()
    use(disk(gate=recorder), old)
    for at in range(len(recorder.calls)):
        assert forked(partial(use, disk(gate=DieAt(at)), old)) == DieAt.CODE
        assert old.read_bytes() == OLD
        Disk(digest_key=KEY, state_dir=None, calls=Calls(), clock=Later()).sweep([AbsolutePath(str(place))])
        assert names(place) == ["app.conf"], (at, recorder.calls[at])


def test_stage_in_use_is_not_swept(place: Path) -> None:
    with disk().stage([(spec_of(place / "a"), NEW)]) as staged:
        swept = Disk(digest_key=KEY, state_dir=None, calls=Calls(), clock=Later()).sweep([AbsolutePath(str(place))])
        assert swept == ()
        assert Path(staged.paths[AbsolutePath(str(place / "a"))]).exists()
