"""The durable memory: what is saved is there after any crash; what cannot be understood is set aside."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Calls
from config_sync.model import Record
from config_sync.records import Records, open_records
from tests.unit.files.world import DieAt, FailOn, Recorder, as_user, forked, names
from tests.unit.full_record import FULL
from tests.waiting import eventually


def test_record_and_key_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "a" / "b"
    first = open_records(str(state))
    assert first.is_durable
    assert first.why == ""
    assert first.warning is None
    assert first.get("app") is None
    first.save("app", FULL)
    second = open_records(str(state))
    assert second.get("app") == FULL
    assert second.digest_key == first.digest_key
    assert len(second.digest_key) == 32
    assert second.kept_names() == {".config-sync-0-1.old", ".config-sync-0-2.old"}


def test_directories_and_file_are_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_records(str(tmp_path / "a" / "b")).save("app", FULL)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("a", "a/b", "a/b/records.json")]
    assert modes == [0o700, 0o700, 0o600]
    assert names(tmp_path / "a" / "b") == ["records.json"]


def test_its_names_are_those_of_every_target_that_was_written(tmp_path: Path) -> None:
    records = open_records(str(tmp_path))
    records.save("app", FULL)
    records.save("web", Record(version=1))
    assert set(open_records(str(tmp_path)).names()) == {"app", "web"}


def test_equal_record_is_not_written_again(tmp_path: Path) -> None:
    records = open_records(str(tmp_path))
    records.save("app", FULL)
    before = (tmp_path / "records.json").stat()
    records.save("app", FULL)
    after = (tmp_path / "records.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_without_a_directory_memory_serves_and_says_why() -> None:
    records = open_records(None)
    records.save("app", FULL)
    assert records.get("app") == FULL
    assert not records.is_durable
    assert records.why


def test_file_in_the_place_of_the_directory_leaves_memory_only(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    records = open_records(str(tmp_path / "state"))
    assert not records.is_durable
    assert str(tmp_path) in records.why


@pytest.mark.root
@pytest.mark.parametrize("under", ["", "made"], ids=["closed", "cannot-be-made"])
def test_directory_that_is_not_writable_leaves_memory_only(tmp_path: Path, under: str) -> None:
    for each in (tmp_path, *tmp_path.parents):
        if str(each).startswith("/tmp/"):
            each.chmod(0o755)

    def why() -> list[object]:
        records = open_records(str(tmp_path / under))
        records.save("app", FULL)
        return [records.is_durable, records.why]

    answer = as_user(1234, why)
    assert isinstance(answer, list)
    assert answer[0] is False
    assert str(tmp_path) in answer[1]


def rewritten(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        whole: dict[str, object] = json.loads(content)
        change(whole)
        return json.dumps(whole).encode()

    return apply


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "torn": lambda content: content[: len(content) // 2],
    "zeros": lambda content: b"\0" * len(content),
    "not-utf-8": lambda _: b"\xff\xfe",
    "deep": lambda _: b"[" * 100_000,
    "list": lambda _: b"[]",
    "null": lambda _: b"null",
    "newer-version": rewritten(lambda whole: whole.update(version=2)),
    "no-version": rewritten(lambda whole: whole.pop("version")),
    "short-key": rewritten(lambda whole: whole.update(digest_key="ab")),
    "no-key": rewritten(lambda whole: whole.pop("digest_key")),
    "no-targets": rewritten(lambda whole: whole.pop("targets")),
    "target-is-text": rewritten(lambda whole: whole.update(targets={"app": "x"})),
    "written-is-a-list": rewritten(lambda whole: whole.update(targets={"app": {"written": []}})),
    "digest-is-a-number": rewritten(lambda whole: whole.update(targets={"app": {"written": {"/a": 1}}})),
    "version-is-true": rewritten(lambda whole: whole.update(targets={"app": {"version": True}})),
    "version-is-text": rewritten(lambda whole: whole.update(targets={"app": {"version": "3"}})),
    "time-is-text": rewritten(lambda whole: whole.update(targets={"app": {"saved_at": "now"}})),
    "pin-by-nobody-we-know": rewritten(
        lambda whole: whole.update(targets={"app": {"pin": {"digests": {}, "by": "a cat", "until": "newer"}}})
    ),
    "attempt-without-digests": rewritten(lambda whole: whole.update(targets={"app": {"attempting": {"kept": {}}}})),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_file_is_set_aside_and_told(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "records.json"
    for number in (1, 2):
        open_records(str(tmp_path)).save("app", FULL)
        damaged = damage(path.read_bytes())
        path.write_bytes(damaged)
        records = open_records(str(tmp_path))
        assert records.is_durable
        assert records.get("app") is None
        assert records.warning is not None
        assert f"records.json.damaged-{number}" in records.warning
        assert (tmp_path / f"records.json.damaged-{number}").read_bytes() == damaged
        records.save("app", FULL)
        assert open_records(str(tmp_path)).warning is None


def test_keys_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    open_records(str(tmp_path)).save("app", FULL)
    path = tmp_path / "records.json"
    whole = json.loads(path.read_bytes())
    whole["later"] = {"x": 1}
    whole["targets"]["app"]["later"] = {"digest": "x"}
    whole["targets"]["app"]["pin"]["later"] = 7
    whole["targets"]["app"]["attempting"]["later"] = [1]
    path.write_text(json.dumps(whole))
    assert open_records(str(tmp_path)).get("app") == FULL


def test_fields_that_an_older_version_did_not_write_have_their_defaults(tmp_path: Path) -> None:
    open_records(str(tmp_path)).save("app", FULL)
    path = tmp_path / "records.json"
    whole = json.loads(path.read_bytes())
    whole["targets"]["app"] = {"version": 3}
    path.write_text(json.dumps(whole))
    assert open_records(str(tmp_path)).get("app") == Record(version=3)


@pytest.mark.parametrize("call", ["open", "write", "fchmod", "fsync", "rename"])
def test_failed_save_raises_and_both_memories_keep_the_earlier_record(tmp_path: Path, call: str) -> None:
    open_records(str(tmp_path)).save("app", FULL)
    held: list[FailOn] = []

    def gate(name: str) -> None:
        for each in held:
            each(name)

    records = open_records(str(tmp_path), calls=Calls(gate))
    held.append(FailOn(call, errno.ENOSPC))
    with pytest.raises(FileError) as caught:
        records.save("app", Record(version=4))
    assert caught.value.reason == "NoSpace"
    assert records.get("app") == FULL
    assert open_records(str(tmp_path)).get("app") == FULL
    assert names(tmp_path) == ["records.json"]
    records.save("app", Record(version=4))
    assert open_records(str(tmp_path)).get("app") == Record(version=4)


def test_death_at_any_call_of_a_save_leaves_the_old_or_the_new_record(tmp_path: Path) -> None:
    open_records(str(tmp_path)).save("app", FULL)
    recorder = Recorder()
    open_records(str(tmp_path), calls=Calls(recorder)).save("app", Record(version=4))
    for at in range(len(recorder.calls)):
        open_records(str(tmp_path)).save("app", FULL)

        def killed(at: int = at) -> None:
            open_records(str(tmp_path), calls=Calls(DieAt(at))).save("app", Record(version=4))

        assert forked(killed) == DieAt.CODE
        again = open_records(str(tmp_path))
        assert again.warning is None
        assert again.get("app") in (FULL, Record(version=4))


class SlowDisk:
    """A gate that holds the first rename until it is let go, and counts all."""

    def __init__(self) -> None:
        self.renames = 0
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, call: str) -> None:
        if call == "rename":
            self.renames += 1
            self.reached.set()
            assert self.go.wait(60)


def test_fifty_threads_share_two_writes(tmp_path: Path) -> None:
    gate = SlowDisk()
    records = open_records(str(tmp_path), calls=Calls(gate))
    arrived = threading.Semaphore(0)

    def save(number: int) -> None:
        arrived.release()
        records.save(f"target-{number}", Record(version=number))
        assert open_records(str(tmp_path)).get(f"target-{number}") == Record(version=number)

    first = threading.Thread(target=save, args=(0,))
    first.start()
    assert gate.reached.wait(60)
    others = [threading.Thread(target=save, args=(number,)) for number in range(1, 51)]
    for thread in others:
        thread.start()
    wait_until_gathered(records, 50)
    gate.go.set()
    for thread in (first, *others):
        thread.join(60)
    assert gate.renames == 2
    assert all(open_records(str(tmp_path)).get(f"target-{n}") == Record(version=n) for n in range(51))


def wait_until_gathered(records: Records, count: int) -> None:
    """Until so many changes wait for the next write."""
    eventually(lambda: len(records._gathering.changes) == count)


def test_failed_shared_write_fails_for_each_of_its_threads(tmp_path: Path) -> None:
    gate = SlowDisk()
    broken = threading.Event()

    def failing(call: str) -> None:
        gate(call)
        if broken.is_set() and call == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    records = open_records(str(tmp_path), calls=Calls(failing))
    failures: list[FileError] = []

    def save(number: int) -> None:
        try:
            records.save(f"target-{number}", Record(version=number))
        except FileError as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(6)]
    threads[0].start()
    assert gate.reached.wait(60)
    for thread in threads[1:]:
        thread.start()
    wait_until_gathered(records, 5)
    broken.set()
    gate.go.set()
    for thread in threads:
        thread.join(60)
    assert len(failures) == 5
    assert len(set(map(id, failures))) == 5
    assert records.get("target-0") == Record(version=0)
    assert records.get("target-1") is None
