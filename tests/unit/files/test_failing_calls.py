"""Every call fails in turn, and the process dies at every call: the destination is always whole."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import WriteResult
from config_sync.model import FileSpec
from tests.unit.files.world import NEW, OLD, DieAt, FailAt, FailOn, Recorder, disk, forked, names, snapshot, spec_of

ERRNOS = {
    "open": [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EIO],
    "write": [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG],
    "fsync": [errno.EIO, errno.ENOSPC, errno.EDQUOT],
    "rename": [errno.EBUSY, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EIO, errno.ESTALE],
    "close": [errno.EIO, errno.ENOSPC],
    "link": [errno.EIO, errno.ENOSPC],
    "fchown": [errno.EPERM, errno.EIO],
    "fchmod": [errno.EPERM, errno.EROFS],
}
OTHERS = [errno.EIO, errno.EACCES]


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A destination to be, and how it is published."""

    has_old: bool = True
    keep_old: bool = False
    content: bytes = NEW
    mode: int = 0o640
    under: str = ""
    future: bool = False

    def prepare(self, place: Path) -> Path:
        for each in sorted(place.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        path = place / self.under / "app.conf"
        if self.has_old:
            path.write_bytes(OLD)
            path.chmod(0o640)
            os.chown(path, os.getuid(), os.getgid())
            # Set, because a quick replacement may share the mtime, and then takes more calls than another one.
            mtime_ns = 4 * 10**18 if self.future else 10**18
            os.utime(path, ns=(mtime_ns, mtime_ns))
        return path

    def spec(self, path: Path) -> FileSpec:
        return dataclasses.replace(spec_of(path), mode=self.mode, create_parents=bool(self.under))

    def publish(self, path: Path, gate: Callable[[str], None], state: Path) -> WriteResult:
        published = disk(gate=gate, state_dir=state).publish(self.spec(path), self.content, keep_old=self.keep_old)
        return published.result


SCENARIOS = {
    "first-write": Scenario(has_old=False),
    "replace": Scenario(),
    "replace-one-from-the-future": Scenario(future=True),
    "replace-and-keep": Scenario(keep_old=True),
    "heal": Scenario(content=OLD, mode=0o600),
    "unchanged": Scenario(content=OLD),
    "make-parents": Scenario(has_old=False, under="a/b"),
}
scenarios = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())


def calls_of(scenario: Scenario, place: Path, state: Path) -> list[str]:
    recorder = Recorder()
    (state / "locks").mkdir(exist_ok=True)  # made at the first use only
    scenario.publish(scenario.prepare(place), recorder, state)
    return recorder.calls


def failure_of(work: Callable[[], object]) -> FileError | None:
    try:
        work()
    except FileError as error:
        return error
    return None


@scenarios
def test_failing_call_leaves_the_old_file_as_it_was_or_the_new_one_whole(
    scenario: Scenario, place: Path, tmp_path: Path
) -> None:
    raised = 0
    for at, call in enumerate(calls_of(scenario, place, tmp_path)):
        for number in ERRNOS.get(call, OTHERS):
            case = (at, call, number)
            path = scenario.prepare(place)
            before = snapshot(path)
            error = failure_of(partial(scenario.publish, path, FailAt(at, number), tmp_path))
            after = snapshot(path)
            left = [name for _, _, files in os.walk(place) for name in files]
            assert [name for name in left if name.endswith(".tmp")] == [], case
            if error is not None:
                raised += 1
                assert (error.errno, bool(error.step)) == (number, True), case
                assert str(place) in error.message or str(tmp_path) in error.message, case
            if after == before:
                assert [name for name in left if name.endswith(".old")] == [], case
                assert error is not None or scenario.content == OLD, case
            else:  # only the look after the rename may fail then
                assert error is None or error.step == "lstat", case
                assert after is not None, case
                assert (after.content, after.mode) == (scenario.content, scenario.mode), case
    assert raised > 10


@scenarios
def test_death_at_any_call_leaves_a_whole_file_and_the_next_run_converges(
    scenario: Scenario, place: Path, tmp_path: Path
) -> None:
    calls = calls_of(scenario, place, tmp_path)
    for at in range(len(calls)):
        path = scenario.prepare(place)
        before = snapshot(path)
        code = forked(partial(scenario.publish, path, DieAt(at), tmp_path))
        assert code == DieAt.CODE, (at, calls[at])
        after = snapshot(path)
        assert after == before or (after is not None and after.content == scenario.content), (at, calls[at])
        if after is not None and after != before:
            assert after.mode == scenario.mode
        disk(state_dir=tmp_path).publish(scenario.spec(path), scenario.content)
        assert path.read_bytes() == scenario.content
        assert path.stat().st_mode & 0o7777 == scenario.mode
        assert names(path.parent) == ["app.conf"], (at, calls[at])


def test_failed_fsync_of_the_directory_is_told_and_the_new_file_stays(old: Path) -> None:
    writer = disk(gate=FailOn("fsync", errno.EIO, nth=2))
    published = writer.publish(spec_of(old), NEW)
    assert published.result is WriteResult.WRITTEN_NOT_DURABLE
    assert published.error is not None
    assert published.error.published
    assert published.error.errno == errno.EIO
    assert old.read_bytes() == NEW
    inode = old.stat().st_ino
    again = writer.publish(spec_of(old), NEW)
    assert again.result is WriteResult.HEALED, "a second fsync of the same entry may lie: a new file is needed"
    assert old.stat().st_ino != inode


def test_file_system_without_directory_fsync_is_warned_of(old: Path) -> None:
    published = disk(gate=FailOn("fsync", errno.EINVAL, nth=2)).publish(spec_of(old), NEW)
    assert published.result is WriteResult.WRITTEN
    assert "durable" in published.warnings[0]


def test_unchanged_file_whose_fsync_fails_is_written_anew(old: Path) -> None:
    inode = old.stat().st_ino
    published = disk(gate=FailOn("fsync", errno.EIO)).publish(spec_of(old), OLD)
    assert published.result is WriteResult.HEALED
    assert old.stat().st_ino != inode


@pytest.mark.parametrize(
    ("call", "number", "reason", "transient"),
    [
        ("write", errno.ENOSPC, "NoSpace", True),
        ("write", errno.EDQUOT, "NoSpace", True),
        ("rename", errno.EBUSY, "BusyMount", True),
        ("fchmod", errno.EPERM, "PermissionDenied", False),
        ("rename", errno.EROFS, "ReadOnly", False),
        ("write", errno.EIO, "IoError", False),
        ("open", errno.EMFILE, "TooManyFiles", True),
        ("write", errno.EFBIG, "FileTooLarge", False),
    ],
    ids=["no-space", "quota", "busy", "denied", "read-only", "io", "descriptors", "too-large"],
)
def test_each_errno_has_its_own_reason(old: Path, call: str, number: int, reason: str, transient: bool) -> None:
    with pytest.raises(FileError) as caught:
        disk(gate=FailOn(call, number)).publish(spec_of(old), NEW)
    error = caught.value
    assert (error.reason, error.transient, error.errno) == (reason, transient, number)
    assert error.hint
    assert not error.published
    assert OLD.decode() not in error.message


def test_read_only_after_an_earlier_success_says_that_the_mount_changed(old: Path) -> None:
    recorder = Recorder()
    failing: list[FailOn] = []

    def gate(call: str) -> None:
        recorder(call)
        for each in failing:
            each(call)

    writer = disk(gate=gate)
    writer.publish(spec_of(old), NEW)
    failing.append(FailOn("rename", errno.EROFS))
    with pytest.raises(FileError) as caught:
        writer.publish(spec_of(old), OLD)
    assert caught.value.hint is not None
    assert "was writable before" in caught.value.hint


def test_temp_taken_by_another_agent_is_tried_again(old: Path) -> None:
    published = disk(gate=FailOn("rename", errno.ENOENT)).publish(spec_of(old), NEW)
    assert published.result is WriteResult.WRITTEN
    assert old.read_bytes() == NEW
