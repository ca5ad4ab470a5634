"""A set whose calls fail in turn, and whose writer dies at every call: never a mix, and the next run converges."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import PublishedSet
from tests.unit.files.sets import by_name, generations, items, later, litter, publish, root_of, shown
from tests.unit.files.world import DieAt, FailAt, FailOn, Recorder, disk, forked, names
from tests.waiting import eventually

V1: Mapping[str, bytes] = {"app.conf": b"app 1\n", "tls.key": b"key 1\n"}
V2: Mapping[str, bytes] = {"app.conf": b"app 2\n", "tls.key": b"key 2\n"}
OTHER: Mapping[str, bytes] = {"app.conf": b"app 3\n", "new.conf": b"new 3\n"}
ERRNOS = {
    "mkdir": [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EDQUOT],
    "write": [errno.ENOSPC, errno.EIO],
    "fsync": [errno.EIO, errno.ENOSPC],
    "symlink": [errno.EACCES, errno.ENOSPC],
    "rename": [errno.EBUSY, errno.EPERM, errno.EIO],
    "unlink": [errno.EPERM, errno.EIO],
}
OTHERS = [errno.EIO]
LOOKS = {"fstat", "lstat", "readlink", "listdir", "read", "getxattr", "close", "lseek"}
"""Calls that change nothing: a death before one of them is a death before the next one that does."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A directory with `old` in it (as a set, or as single files), and what is published over it."""

    new: Mapping[str, bytes]
    old: Mapping[str, bytes] | None = None
    is_single: bool = False
    lost: str = ""
    mode: int = 0o640

    def prepare(self, place: Path) -> None:
        for name in names(place):
            path = place / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if self.old is not None and self.is_single:
            for spec, content in items(place, self.old):
                disk().publish(spec, content)
        elif self.old is not None:
            publish(place, self.old)
            eventually(lambda: later(place), every_s=0.001)
        if self.lost:
            (place / self.lost).unlink()

    def publish(self, place: Path, state: Path, gate: Callable[[str], None] | None = None) -> PublishedSet:
        return publish(place, self.new, gate=gate, state=state, previous=set(self.old or ()), mode=self.mode)

    def is_old(self, place: Path) -> bool:
        """Whether readers see the old set, by name and (if it was a set) by generation."""
        old = {name: content for name, content in (self.old or {}).items() if name != self.lost}
        found = by_name(place)
        if not (place / "..data").exists():
            return found == old
        return shown(place) == self.old and found == old

    def is_new(self, place: Path) -> bool:
        """Whether the new set is shown, and each name leads to it, to nothing, or is one that will go."""
        if not (place / "..data").exists() or shown(place) != self.new:
            return False
        found = by_name(place)
        return all(self.new.get(name, (self.old or {}).get(name)) == content for name, content in found.items())


SCENARIOS = {
    "first": Scenario(V1),
    "next": Scenario(V2, V1),
    "drop-and-add": Scenario(OTHER, V1),
    "heal": Scenario(V1, V1, mode=0o600),
    "repair-a-link": Scenario(V1, V1, lost="tls.key"),
    "unchanged": Scenario(V1, V1),
    "from-single-files": Scenario(V2, V1, is_single=True),
}
scenarios = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())


def calls_of(scenario: Scenario, place: Path, state: Path) -> list[str]:
    recorder = Recorder()
    (state / "locks").mkdir(exist_ok=True)
    scenario.prepare(place)
    scenario.publish(place, state, recorder)
    return recorder.calls


def converges(scenario: Scenario, place: Path, state: Path, case: object) -> None:
    done = scenario.publish(place, state)
    assert by_name(place) == shown(place) == dict(scenario.new), case
    assert {(place / name).stat().st_mode & 0o7777 for name in scenario.new} == {scenario.mode}, case
    assert len(litter(place)) <= 2, case  # the ones before, in their grace
    assert all(name in generations(place) for name in litter(place)), case
    publish(place, scenario.new, state=state, previous=set(scenario.new), mode=scenario.mode, grace_s=-1)
    assert names(place) == sorted(["..data", done.generation, *scenario.new]), case
    assert len(names(state / "locks")) == 1, case


@scenarios
def test_failing_call_leaves_the_old_set_or_shows_the_new_one_whole(
    scenario: Scenario, place: Path, tmp_path: Path
) -> None:
    raised = 0
    for at, call in enumerate(calls_of(scenario, place, tmp_path)):
        for number in ERRNOS.get(call, OTHERS):
            case = (at, call, number)
            scenario.prepare(place)
            before = set(names(place))
            error: FileError | None = None
            try:
                scenario.publish(place, tmp_path, FailAt(at, number))
            except FileError as caught:
                error = caught
                raised += 1
                assert (error.errno, bool(error.step)) == (number, True), case
                assert str(place) in error.message or str(tmp_path) in error.message, case
            if error is None or error.published:
                assert scenario.is_new(place), case
            else:
                assert scenario.is_old(place), case
                if not scenario.is_single:
                    assert set(names(place)) <= {*before, *scenario.new}, case
            assert not [name for name in names(place) if name.endswith((".tmp", ".link"))], case
            converges(scenario, place, tmp_path, case)
    assert raised > 5


@scenarios
def test_death_at_any_call_shows_one_whole_set_and_the_next_run_converges(
    scenario: Scenario, place: Path, tmp_path: Path
) -> None:
    calls = calls_of(scenario, place, tmp_path)
    for at in range(len(calls)):
        case = (at, calls[at])
        if calls[at] in LOOKS:
            continue
        scenario.prepare(place)
        assert forked(partial(scenario.publish, place, tmp_path, DieAt(at))) == DieAt.CODE, case
        assert scenario.is_old(place) or scenario.is_new(place), case
        converges(scenario, place, tmp_path, case)


def test_failure_before_the_switch_leaves_every_inode(place: Path) -> None:
    publish(place, V1)
    before = {name: os.lstat(place / name) for name in names(place)}
    with pytest.raises(FileError) as caught:
        publish(place, V2, gate=FailOn("rename", errno.EIO), previous=set(V1))
    assert not caught.value.published
    after = {name: os.lstat(place / name) for name in names(place)}
    assert {n: (i.st_ino, i.st_mtime_ns) for n, i in after.items()} == {
        n: (i.st_ino, i.st_mtime_ns) for n, i in before.items()
    }


@pytest.mark.parametrize("first", [True, False], ids=["to-nothing", "to-the-one-before"])
def test_death_on_the_way_back_is_ended_by_the_next_try(first: bool, place: Path, tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    specs = [spec for spec, _ in items(place, OTHER)]

    def prepare() -> str | None:
        for name in names(place):
            path = place / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        kept = None if first else publish(place, V1).generation
        publish(place, OTHER, previous=set(V1))
        return kept

    def restore(kept: str | None, gate: Callable[[str], None] | None = None) -> bool:
        return disk(gate=gate, state_dir=tmp_path).restore_directory(root_of(place), specs, kept, previous=set(V1))

    recorder = Recorder()
    assert restore(prepare(), recorder)
    for at, call in enumerate(recorder.calls):
        if call in LOOKS:
            continue
        kept = prepare()
        assert forked(partial(restore, kept, DieAt(at))) == DieAt.CODE, (at, call)
        assert restore(kept), (at, call)
        assert by_name(place) == ({} if first else V1), (at, call)
        if first:
            assert names(place) == [], (at, call)
        else:
            assert shown(place) == V1, (at, call)


def test_way_back_to_a_generation_that_is_gone_changes_nothing(place: Path) -> None:
    publish(place, V1)
    specs = [spec for spec, _ in items(place, V1)]
    assert not disk().restore_directory(root_of(place), specs, "..g0123456789abcdef")
    with pytest.raises(FileError):
        disk().restore_directory(root_of(place), specs, "../../etc")
    assert by_name(place) == V1
