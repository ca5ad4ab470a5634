"""What the writer's promises cost: beside the least that survives a power cut, and beside a bare read."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from config_sync.errors import FileError
from config_sync.files import Disk
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, Document, FileSpec
from tests.bench import writer_floor
from tests.bench.table import Row, Side, median, percentile

NOTE = (
    "writer: 4 KiB, taken in turn in one directory; bare: create, write, fsync, rename, fsync of the directory; floor: "
    "all system calls that the promises ask for, in straight code; read: open, read, close"
)
_CONTENTS = (b"a" * 4096, b"b" * 4096)
_FIRST = 1000
_WARM = 10
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class _Plain:
    """A format that a spec can hold; nothing is rendered here."""

    name = "plain"

    def render(self, document: Document) -> bytes:
        return document.raw


def rows(directory: Path, count: int) -> list[Row]:
    """A replacement, a compare that finds nothing to do, and the first files of a machine."""
    disk = Disk(digest_key=b"k" * 32, state_dir=str(directory / "state"))
    place = directory / "files"
    place.mkdir()
    spec = _spec(place / "app.conf")
    lock = directory / "floor.lock"
    (place / "floor.conf").write_bytes(_CONTENTS[0])
    full, floor, bare = _in_turn(
        [
            lambda number: _publish(disk, spec, _CONTENTS[number % 2]),
            lambda number: writer_floor.replaced(place, "floor.conf", _CONTENTS[number % 2], lock=lock),
            lambda number: _bare(place, "bare.conf", _CONTENTS[number % 2]),
        ],
        count,
    )
    found = [
        Row(
            Side(f"{name}, p{percent}", percentile(times, percent)),
            Side(f"{other}", percentile(beside, percent)),
            count,
        )
        for name, times, other, beside in (
            ("replacement, all promises", full, "bare replacement", bare),
            ("replacement, all promises", full, "writer_floor: their calls alone", floor),
            ("writer_floor: their calls alone", floor, "bare replacement", bare),
        )
        for percent in (50, 99)
    ]
    _publish(disk, spec, _CONTENTS[0])
    same, read = _in_turn(
        [lambda _: _publish(disk, spec, _CONTENTS[0]), lambda _: (place / "app.conf").read_bytes()], count
    )
    found.append(Row(Side("compare that finds no change", median(same)), Side("read", median(read)), count))
    number_of_files = _FIRST if count >= _WARM else count
    return found + _first_files(disk, directory, number_of_files)


def _first_files(disk: Disk, directory: Path, count: int) -> list[Row]:
    """One after the other and in one go, in directories of their own."""
    ours, batch, theirs = (directory / name for name in ("first", "batch", "bare"))
    for one in (ours, batch, theirs):
        one.mkdir()
    begun = time.perf_counter()
    for number in range(count):
        _publish(disk, _spec(ours / f"{number}.conf"), _CONTENTS[0])
    between = time.perf_counter()
    done = disk.publish_many([(_spec(batch / f"{number}.conf"), _CONTENTS[0]) for number in range(count)])
    batched = time.perf_counter()
    for number in range(count):
        _bare(theirs, f"{number}.conf", _CONTENTS[0])
    ended = time.perf_counter()
    for answer in done:
        if (error := answer if isinstance(answer, FileError) else answer.error) is not None:
            raise error
    bare = Side("bare, one by one", ended - batched, "s")
    return [
        Row(Side(f"{count} first files, one by one", between - begun, "s"), bare, 1),
        Row(Side(f"{count} first files of one target", batched - between, "s"), bare, 1),
    ]


def _in_turn(works: Sequence[Callable[[int], object]], count: int) -> list[list[float]]:
    """Milliseconds of each work, `count` times over, after a warm-up."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(_WARM + count):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            work(number)
            if number >= _WARM:
                times.append(1000 * (time.perf_counter() - begun))
    return taken


def _publish(disk: Disk, spec: FileSpec, content: bytes) -> None:
    if error := disk.publish(spec, content).error:
        raise error


def _bare(directory: Path, name: str, content: bytes) -> None:
    """The least that a power cut leaves old or new."""
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fd = os.open(".temp", _NEW, 0o600, dir_fd=at)
    os.write(fd, content)
    os.fsync(fd)
    os.close(fd)
    os.rename(".temp", name, src_dir_fd=at, dst_dir_fd=at)
    os.fsync(at)
    os.close(at)


def _spec(path: Path) -> FileSpec:
    return dataclasses.replace(
        FileSpec(path=AbsolutePath("/nowhere"), source=ConfigRef(ConfigName("app")), format=_Plain()),
        path=AbsolutePath(str(path)),
    )
