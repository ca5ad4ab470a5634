"""Readers and watchers during 500 publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from config_sync.model import AbsolutePath
from tests.system.writing.inotify import Event, watched
from tests.unit.files.world import OLD, disk, names, spec_of

_PUBLISHES = 500
_SET_READER = """
import os, sys
directory, go = sys.argv[1:]
seen, looks = set(), 0
print("ready", flush=True)
while True:
    is_last = not os.path.exists(go)
    shown = os.open(directory + "/..data", os.O_RDONLY | os.O_DIRECTORY)
    contents = set()
    for name in ("app.crt", "app.key"):
        fd = os.open(name, os.O_RDONLY, dir_fd=shown)
        contents.add(os.read(fd, 100))
        os.close(fd)
    os.close(shown)
    if len(contents) != 1:
        sys.exit(f"mixed: {contents}")
    with open(directory + "/app.key", "rb") as file:
        assert len(file.read()) == 8
    seen |= contents
    looks += 1
    if is_last:
        break
print(looks, len(seen))
"""
_READER = """
import os, sys
path, go = sys.argv[1:]
seen, looks = set(), 0
print("ready", flush=True)
while True:
    is_last = not os.path.exists(go)
    with open(path, "rb") as file:
        content = file.read()
    number, fill = content[:8], content[8:]
    if fill != number[-1:] * (1_000 + 400 * int(number)):
        sys.exit(f"mixed: {number!r}, {len(fill)} bytes of {set(fill)}")
    seen.add(number)
    looks += 1
    if is_last:
        break
print(looks, len(seen))
"""


def _content(number: int) -> bytes:
    """Tells its own length and its only byte."""
    return b"%08d" % number + (b"%d" % (number % 10)) * (1_000 + 400 * number)


def test_readers_see_whole_contents_only_and_watchers_one_move_for_each(place: Path) -> None:
    path, go = place / "files" / "app.conf", place / "go"
    path.parent.mkdir()
    go.touch()
    writer = disk(state_dir=place / "state")
    writer.publish(spec_of(path), _content(0))
    readers = _started(_READER, path, go)
    events: list[Event] = []
    with watched(path.parent) as watch:
        for number in range(1, _PUBLISHES + 1):
            writer.publish(spec_of(path), _content(number))
            events += watch.events()
    go.unlink()
    _require_unmixed(readers)
    assert [event for event in events if not event.name.startswith(".")] == [Event("MOVED_TO", "app.conf")] * _PUBLISHES
    hidden = {event.name for event in events if event.name.startswith(".")}
    assert len(hidden) == _PUBLISHES
    assert all(name.endswith(".tmp") for name in hidden)
    assert names(path.parent) == ["app.conf"]


def test_readers_of_a_set_see_one_generation_and_watchers_one_move_for_each(place: Path) -> None:
    directory, go = place / "files", place / "go"
    directory.mkdir()
    go.touch()
    writer = disk(state_dir=place / "state")
    root = AbsolutePath(str(directory))

    def publish(number: int) -> None:
        items = [(spec_of(directory / name), b"%08d" % number) for name in ("app.crt", "app.key")]
        writer.publish_directory(root, items, previous=("app.crt", "app.key"), grace_s=2.0)

    publish(0)
    readers = _started(_SET_READER, directory, go)
    events: list[Event] = []
    with watched(directory) as watch:
        for number in range(1, _PUBLISHES + 1):
            publish(number)
            events += watch.events()
    go.unlink()
    _require_unmixed(readers)
    shown = [event for event in events if event.name == "..data" or not event.name.startswith(".")]
    assert shown == [Event("MOVED_TO", "..data")] * _PUBLISHES


def _started(program: str, what: Path, go: Path) -> list[subprocess.Popen[bytes]]:
    """Two readers that have begun."""
    readers = [
        subprocess.Popen([sys.executable, "-c", program, what, go], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
    return readers


def _require_unmixed(readers: Sequence[subprocess.Popen[bytes]]) -> None:
    for reader in readers:
        out, errors = reader.communicate()
        assert (reader.returncode, errors) == (0, b"")
        looks, different = map(int, out.split())
        assert looks >= different > 20, "a reader must have seen many of them, else this proves nothing"


def test_watchers_hear_nothing_of_a_file_that_is_right(place: Path) -> None:
    path = place / "app.conf"
    disk().publish(spec_of(path), OLD)
    with watched(place) as watch:
        disk().publish(spec_of(path), OLD)
        assert watch.events() == []


def test_watchers_hear_one_move_for_a_heal_and_for_a_way_back(place: Path) -> None:
    path = place / "app.conf"
    disk().publish(spec_of(path), OLD)
    path.chmod(0o600)
    with watched(place) as watch:
        disk().publish(spec_of(path), OLD)
        assert [event for event in watch.events() if event.name == path.name] == [Event("MOVED_TO", path.name)]
        kept = disk().publish(spec_of(path), b"worse", keep_old=True).kept
        watch.events()
        assert disk().restore(spec_of(path), kept)
        assert [event for event in watch.events() if event.name == path.name] == [Event("MOVED_TO", path.name)]
    assert path.read_bytes() == OLD
    assert os.listdir(place) == [path.name]
