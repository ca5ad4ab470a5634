"""``durability: none`` first and ``full`` later, in one process: then all that is there is made durable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from config_sync.files import Disk, Published, WriteResult
from config_sync.model import AbsolutePath, Durability, FileSpec, WriteMode
from tests.unit.files.world import NEW, OLD, Recorder, disk, spec_of


def loose(spec: FileSpec) -> FileSpec:
    return dataclasses.replace(spec, durability=Durability.NONE)


def entries_above(path: Path) -> int:
    """How many directories hold an entry of the way to the path's directory."""
    return len(path.parent.parts) - 1


def synced_by(recorder: Recorder, writer: Disk, spec: FileSpec, content: bytes) -> int:
    """The fsyncs of a publish that finds nothing to write."""
    recorder.calls.clear()
    assert writer.publish(spec, content).result is WriteResult.UNCHANGED
    return recorder.calls.count("fsync")


@pytest.mark.parametrize("write", WriteMode)
@pytest.mark.parametrize("is_there", [True, False], ids=["written", "found"])
def test_file_and_directory_are_synced_once(old: Path, write: WriteMode, is_there: bool) -> None:
    recorder = Recorder()
    writer = disk(gate=recorder)
    spec = dataclasses.replace(spec_of(old), write=write)
    content = OLD if is_there else NEW
    writer.publish(loose(spec), content)
    assert "fsync" not in recorder.calls
    assert synced_by(recorder, writer, loose(spec), content) == 0
    assert synced_by(recorder, writer, spec, content) == 2 + entries_above(old)
    assert synced_by(recorder, writer, spec, content) == 0
    assert synced_by(recorder, writer, loose(spec), content) == 0
    assert synced_by(recorder, writer, spec, content) == 0, "it has been durable all the time"


def test_look_for_leftovers_is_not_made_again_and_again_without_durability(old: Path) -> None:
    recorder = Recorder()
    writer = disk(gate=recorder)
    writer.publish(loose(spec_of(old)), NEW)
    recorder.calls.clear()
    writer.publish(loose(spec_of(old)), NEW)
    assert not {"listdir", "flock"} & set(recorder.calls)


@pytest.mark.parametrize("creates_still", [True, False], ids=["creates", "does-not"])
@pytest.mark.parametrize("way", ["one", "many", "after-removal"])
def test_directories_that_were_made_are_synced_too(place: Path, way: str, creates_still: bool) -> None:
    recorder = Recorder()
    writer = disk(gate=recorder)
    specs = [
        dataclasses.replace(spec_of(place / "a" / "b" / name), create_parents=True) for name in ("x.conf", "y.conf")
    ]
    items = [(loose(spec), NEW) for spec in specs][: 1 if way == "one" else 2]
    assert all(isinstance(one, Published) for one in writer.publish_many(items))
    assert "fsync" not in recorder.calls
    if way == "after-removal":
        for spec in specs:
            Path(spec.path).unlink()
    later = [dataclasses.replace(spec, create_parents=creates_still) for spec in specs][: len(items)]
    recorder.calls.clear()
    assert all(isinstance(one, Published) for one in writer.publish_many([(spec, NEW) for spec in later]))
    walks, directory = {"one": (1, 1), "many": (3, 2), "after-removal": (1, 1)}[way]  # what is there goes one by one
    above = entries_above(Path(later[0].path))
    assert recorder.calls.count("fsync") == walks * above + len(items) + directory


def test_set_is_synced_with_its_directory(place: Path) -> None:
    recorder = Recorder()
    writer = disk(gate=recorder)
    root = AbsolutePath(str(place / "set"))
    specs = [dataclasses.replace(spec_of(place / "set" / name), create_parents=True) for name in ("a", "b")]
    writer.publish_directory(root, [(loose(spec), NEW) for spec in specs])
    assert "fsync" not in recorder.calls
    done = writer.publish_directory(root, [(spec, NEW) for spec in specs], previous=["a", "b"])
    assert done.result is WriteResult.UNCHANGED
    assert recorder.calls.count("fsync") == 2 + 1 + 1 + entries_above(Path(specs[0].path))
    recorder.calls.clear()
    writer.publish_directory(root, [(spec, NEW) for spec in specs], previous=["a", "b"])
    assert "fsync" not in recorder.calls
