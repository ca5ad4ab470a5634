"""``write: in_place``: the inode stays, a failure on the way is put back or told, a death on the way is healed."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Published, TornWrite, WriteResult
from config_sync.model import FileSpec, WriteMode
from tests.unit.files.world import (
    NEW,
    NOBODY,
    OLD,
    DieAt,
    FailAt,
    FailFrom,
    FailOn,
    Recorder,
    as_user,
    disk,
    forked,
    grant_by_default_acl,
    names,
    snapshot,
    spec_of,
)

SHORT = b"short\n"


def in_place(path: Path, *, mode: int = 0o640) -> FileSpec:
    return dataclasses.replace(spec_of(path), write=WriteMode.IN_PLACE, mode=mode)


@pytest.mark.parametrize("content", [NEW, SHORT, b""], ids=["longer", "shorter", "empty"])
def test_file_keeps_its_inode_and_the_result_says_that_it_was_not_atomic(old: Path, content: bytes) -> None:
    before = old.stat()
    os.utime(old, ns=(4 * 10**18, 4 * 10**18))
    with old.open("rb") as reader:
        done = disk().publish(in_place(old), content)
        assert reader.read() == content
    assert done.result is WriteResult.WRITTEN
    assert done.warnings[0].startswith(f"not atomic: {old}")
    assert (old.stat().st_ino, old.stat().st_mode) == (before.st_ino, before.st_mode)
    assert old.stat().st_mtime_ns > 4 * 10**18
    assert names(old.parent) == ["app.conf"]


def test_missing_file_is_created_atomically(place: Path) -> None:
    done = disk().publish(in_place(place / "app.conf"), NEW)
    assert (done.result, done.warnings) == (WriteResult.WRITTEN, ())
    assert names(place) == ["app.conf"]


def test_same_content_is_no_write_and_a_wrong_mode_is_set_without_one(old: Path) -> None:
    before = snapshot(old)
    assert disk().publish(in_place(old), OLD).result is WriteResult.UNCHANGED
    assert snapshot(old) == before
    old.chmod(0o666)
    recorder = Recorder()
    done = disk(gate=recorder).publish(in_place(old), OLD)
    assert (done.result, done.warnings, "write" in recorder.calls) == (WriteResult.HEALED, (), False)
    assert snapshot(old) == before


def test_nothing_is_cut_off_before_all_is_written_and_no_access_is_wider_meanwhile(old: Path) -> None:
    old.chmod(0o604)
    seen: list[tuple[str, int, int]] = []

    def gate(call: str) -> None:
        seen.append((call, old.stat().st_size, old.stat().st_mode & 0o777))

    disk(gate=gate).publish(in_place(old), SHORT)
    steps = [call for call, *_ in seen if call in ("write", "ftruncate", "fsync")]
    assert steps == ["write", "ftruncate", "fsync", "fsync"], "of the file, and of an entry that may be a dead writer's"
    during = [one for one in seen if one[0] in ("write", "ftruncate")]
    assert during == [("write", len(OLD), 0o600), ("ftruncate", len(OLD), 0o600)]
    assert old.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("call", ["write", "ftruncate", "fchmod"])
def test_failure_on_the_way_puts_the_old_bytes_back_and_says_so(old: Path, call: str) -> None:
    old.chmod(0o604)
    before = old.stat()
    with pytest.raises(TornWrite) as caught:
        disk(gate=FailOn(call, errno.ENOSPC, nth=2 if call == "fchmod" else 1)).publish(in_place(old), NEW)
    assert caught.value.is_put_back
    assert (caught.value.reason, caught.value.errno) == ("NoSpace", errno.ENOSPC)
    assert "put back" in caught.value.message
    assert (old.read_bytes(), old.stat().st_mode, old.stat().st_ino) == (OLD, before.st_mode, before.st_ino)
    assert names(old.parent) == ["app.conf"]


def test_failure_that_cannot_be_undone_says_that_the_file_may_be_torn(old: Path) -> None:
    writer = disk(gate=FailFrom("ftruncate", errno.EIO))
    with pytest.raises(TornWrite) as caught:
        writer.publish(in_place(old, mode=0o600), NEW)
    assert (caught.value.reason, caught.value.is_put_back, caught.value.transient) == ("Torn", False, False)
    assert "may be torn" in caught.value.message
    assert old.stat().st_mode & 0o777 == 0o600, "no more access than wanted for what may be new bytes"
    assert disk().publish(in_place(old), NEW).result is WriteResult.WRITTEN


def test_failed_fsync_is_told_and_the_next_run_writes_all_bytes_again(old: Path) -> None:
    recorder, failing = Recorder(), FailOn("fsync", errno.EIO)

    def gate(call: str) -> None:
        recorder(call)
        failing(call)

    writer = disk(gate=gate)
    done = writer.publish(in_place(old), NEW)
    assert done.result is WriteResult.WRITTEN_NOT_DURABLE
    assert done.error is not None
    assert (done.error.published, done.error.errno) == (True, errno.EIO)
    recorder.calls.clear()
    assert writer.publish(in_place(old), NEW).result is WriteResult.HEALED
    assert recorder.calls.count("write") == 1
    assert writer.publish(in_place(old), NEW).result is WriteResult.UNCHANGED


@pytest.mark.parametrize(("content", "mode"), [(NEW, 0o640), (SHORT, 0o600), (OLD, 0o600)], ids=["new", "both", "mode"])
def test_every_failing_call_leaves_old_or_new_bytes_and_every_death_is_healed(
    place: Path, tmp_path: Path, content: bytes, mode: int
) -> None:
    path = place / "app.conf"
    (tmp_path / "locks").mkdir()

    def prepare() -> None:
        path.write_bytes(OLD)
        path.chmod(0o640)
        os.utime(path, ns=(10**18, 10**18))

    def publish(gate: Callable[[str], None] | None = None) -> Published:
        return disk(gate=gate, state_dir=tmp_path).publish(in_place(path, mode=mode), content)

    recorder = Recorder()
    prepare()
    publish(recorder)
    inode = path.stat().st_ino
    for at, call in enumerate(recorder.calls):
        prepare()
        error: FileError | None = None
        try:
            publish(FailAt(at, errno.EIO))
        except FileError as caught:
            error = caught
        after = (path.read_bytes(), path.stat().st_mode & 0o777)
        assert after == ((content, mode) if error is None else (OLD, 0o640)), (at, call)
        prepare()
        assert forked(partial(publish, DieAt(at))) == DieAt.CODE
        assert publish().error is None
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, mode), (at, call)
        assert (path.stat().st_ino, names(place)) == (inode, ["app.conf"]), (at, call)
        assert len(names(tmp_path / "locks")) == 1, (at, call)


def test_way_back_is_a_copy_and_its_bytes_return_into_the_same_inode(old: Path) -> None:
    spec, inode = in_place(old), old.stat().st_ino
    kept = disk().keep(spec)
    assert kept is not None
    assert (old.parent / kept).stat().st_mode & 0o777 == 0o600
    disk().publish(spec, NEW, keep=[kept])
    assert disk().restore(spec, kept)
    assert (old.read_bytes(), old.stat().st_ino, old.stat().st_mode & 0o777) == (OLD, inode, 0o640)
    assert not disk().restore(spec, kept)
    done = disk().publish(spec, NEW, keep_old=True)
    assert done.kept is not None
    assert (old.parent / done.kept).read_bytes() == OLD
    assert disk().restore(spec, done.kept)
    assert (old.read_bytes(), names(old.parent)) == (OLD, ["app.conf"])


def test_acl_is_removed_before_new_bytes_come(place: Path) -> None:
    grant_by_default_acl(place, NOBODY)
    path = place / "app.conf"
    path.write_bytes(OLD)
    done = disk().publish(in_place(path), NEW)
    assert done.result is WriteResult.WRITTEN
    assert os.listxattr(path) == []


@pytest.mark.parametrize("mode", [0o755, 0o777], ids=["ours", "shared"])
def test_hard_links_are_warned_of_and_refused_where_others_could_have_made_them(place: Path, mode: int) -> None:
    (place / "victim").write_bytes(OLD)
    (place / "victim").chmod(0o640)
    os.link(place / "victim", place / "app.conf")
    place.chmod(mode)
    if mode == 0o755:
        assert "hard link" in disk().publish(in_place(place / "app.conf"), NEW).warnings[0]
        assert (place / "victim").read_bytes() == NEW
    else:
        with pytest.raises(FileError) as caught:
            disk().publish(in_place(place / "app.conf"), NEW)
        assert caught.value.reason == "UntrustedLink"
        assert (place / "victim").read_bytes() == OLD


@pytest.mark.root
def test_unprivileged_agent_writes_to_its_own_read_only_file_but_to_no_other(old: Path) -> None:
    def publish() -> str:
        try:
            return disk().publish(in_place(old, mode=0o440), NEW).result.value
        except FileError as error:
            return error.message

    old.chmod(0o444)
    assert "may not write to it" in str(as_user(NOBODY, publish))
    os.chown(old, NOBODY, NOBODY)
    old.chmod(0o440)
    assert as_user(NOBODY, publish) == "written"
    assert (old.read_bytes(), old.stat().st_mode & 0o777) == (NEW, 0o440)


@pytest.mark.root
def test_strangers_link_is_not_written_through(place: Path) -> None:
    (place / "victim").write_bytes(OLD)
    (place / "app.conf").symlink_to("victim")
    os.lchown(place / "app.conf", NOBODY, NOBODY)
    with pytest.raises(FileError) as caught:
        disk().publish(in_place(place / "app.conf"), NEW)
    assert caught.value.reason == "UntrustedLink"
    assert (place / "victim").read_bytes() == OLD


@pytest.mark.root
def test_mounted_file_is_written_in_place_where_replacing_it_fails(old: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.conf"
    source.write_bytes(OLD)
    mounted = subprocess.run(["mount", "--bind", source, old], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no bind mounts here: {mounted.stderr.strip()}")
    try:
        with pytest.raises(FileError) as caught:
            disk().publish(spec_of(old), NEW)
        assert caught.value.reason == "BusyMount"
        assert "in_place" in str(caught.value.hint)
        kept = disk().keep(in_place(old))
        assert disk().publish(in_place(old), NEW, keep=[kept or ""]).result is WriteResult.WRITTEN
        assert source.read_bytes() == NEW
        assert disk().restore(in_place(old), kept)
        assert source.read_bytes() == OLD
    finally:
        subprocess.run(["umount", old], check=True)
