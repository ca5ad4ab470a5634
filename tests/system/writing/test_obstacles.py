"""What stands in the way of a write: each thing has a sentence of its own, and the old file stays as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.model import FileSpec, SymlinkPolicy
from tests.system.writing.power_cut.disks import looped, mounted, run
from tests.unit.files.world import NEW, OLD, as_user, disk, names, snapshot, spec_of

pytestmark = [pytest.mark.root, pytest.mark.power_cut]

_BIG = NEW * 40


@dataclasses.dataclass(frozen=True)
class Obstacle:
    """What is in the way while inside, and what the writer says of it."""

    reason: str
    says: str
    made: Callable[[Path], AbstractContextManager[object]]
    hint: str | None = None
    name: str = "app.conf"
    symlink: SymlinkPolicy = SymlinkPolicy.FOLLOW_TRUSTED


@contextmanager
def full(path: Path) -> Iterator[None]:
    ballast = path.parent / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    run("mount", "-o", "remount,ro", path.parent)
    try:
        yield
    finally:
        run("mount", "-o", "remount,rw", path.parent)


def flagged(flag: str, *, parent: bool = False) -> Callable[[Path], AbstractContextManager[object]]:
    @contextmanager
    def made(path: Path) -> Iterator[None]:
        run("chattr", f"+{flag}", path.parent if parent else path)
        try:
            yield
        finally:
            run("chattr", f"-{flag}", path.parent if parent else path)

    return made


@contextmanager
def bind_mounted(path: Path) -> Iterator[None]:
    run("mount", "--bind", path, path)
    try:
        yield
    finally:
        run("umount", path)


@contextmanager
def file_size_limit(path: Path) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(_BIG) // 2, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def open_files_limit(path: Path) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 2, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def instead(put: Callable[[Path], object]) -> Callable[[Path], AbstractContextManager[object]]:
    """Something else under the destination's name."""

    @contextmanager
    def made(path: Path) -> Iterator[None]:
        aside = path.with_name("aside")
        path.rename(aside)
        put(path)
        try:
            yield
        finally:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            aside.rename(path)

    return made


def in_a_loop(path: Path) -> None:
    path.symlink_to("round")
    path.with_name("round").unlink(missing_ok=True)
    path.with_name("round").symlink_to(path.name)


OBSTACLES = {
    "full": Obstacle("NoSpace", "no space is left", full, "free space"),
    "read-only": Obstacle("ReadOnly", "mounted read-only", read_only, "mount it writable"),
    "immutable": Obstacle("PermissionDenied", "immutable", flagged("i"), "lsattr"),
    "append-only": Obstacle("PermissionDenied", "immutable", flagged("a"), "lsattr"),
    "immutable-directory": Obstacle("PermissionDenied", "may not write in the directory", flagged("i", parent=True)),
    "append-only-directory": Obstacle("PermissionDenied", "immutable", flagged("a", parent=True), "lsattr"),
    "bind-mount": Obstacle("BusyMount", "mount point", bind_mounted, "mount the directory"),
    "fifo": Obstacle("NotRegularFile", "named pipe (FIFO)", instead(os.mkfifo), "remove it"),
    "directory": Obstacle("NotRegularFile", "it is a directory", instead(os.mkdir), "remove it"),
    "dangling-link": Obstacle("DanglingLink", "leads to nothing", instead(lambda path: path.symlink_to("none"))),
    "looping-link": Obstacle("UntrustedLink", "too many links", instead(in_a_loop), "real path"),
    "refused-link": Obstacle(
        "UntrustedLink",
        "is a symbolic link",
        instead(lambda path: path.symlink_to("aside")),
        "symlink: refuse",
        symlink=SymlinkPolicy.REFUSE,
    ),
    "file-size-limit": Obstacle("FileTooLarge", "over the file size limit", file_size_limit, "LimitFSIZE"),
    "open-files-limit": Obstacle("TooManyFiles", "too many open files", open_files_limit, "LimitNOFILE"),
}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small ext4 of our own: what other file systems know of flags differs."""
    directory = tmp_path_factory.mktemp("volume")
    image, at = directory / "image", directory / "at"
    at.mkdir()
    with image.open("wb") as file:
        file.truncate(2 << 20)
    run("mkfs.ext4", "-q", "-m", "0", image)
    with looped(image) as device, mounted("ext4", device, at):
        yield at


@pytest.fixture
def old(volume: Path) -> Path:
    """A destination with old content, alone in its directory."""
    for each in volume.iterdir():
        if each.name != "lost+found":
            each.unlink()
    path = volume / "app.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES.keys())
def test_obstacle_has_its_own_message_and_the_old_file_stays(old: Path, obstacle: Obstacle) -> None:
    before = snapshot(old)
    spec = dataclasses.replace(spec_of(old), symlink=obstacle.symlink)
    with obstacle.made(old):
        there = names(old.parent)
        with pytest.raises(FileError) as caught:
            disk().publish(spec, _BIG)
        assert names(old.parent) == there
    error = caught.value
    assert error.reason == obstacle.reason
    assert obstacle.says in error.message
    assert error.message.startswith(f"{old}: ")
    assert obstacle.hint is None or obstacle.hint in str(error.hint)
    assert not error.published
    assert snapshot(old) == before
    disk().publish(spec_of(old), NEW)  # and without it all is well
    assert old.read_bytes() == NEW


def test_messages_are_told_apart() -> None:
    said = [(obstacle.reason, obstacle.says) for obstacle in OBSTACLES.values()]
    assert len(set(said)) >= len(said) - 2  # the two flags of a file, and of a directory for its names, are one matter


@pytest.mark.parametrize("length", [240, 255])
def test_longest_names_are_written_whatever_our_temps_are_called(old: Path, length: int) -> None:
    path = old.with_name("n" * length)
    disk().publish(spec_of(path), NEW)
    published = disk().publish(spec_of(path), OLD, keep_old=True)
    assert disk().restore(spec_of(path), published.kept)
    assert path.read_bytes() == NEW
    assert names(old.parent) == sorted(["app.conf", "lost+found", path.name])


def test_longer_name_is_refused_with_its_own_message(old: Path) -> None:
    with pytest.raises(FileError) as caught:
        disk().publish(spec_of(old.with_name("n" * 256)), NEW)
    assert caught.value.reason == "NameTooLong"
    assert names(old.parent) == ["app.conf", "lost+found"]


def test_full_tmpfs_keeps_the_old_file_until_there_is_space(place: Path) -> None:
    path = place / "app.conf"
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
    try:
        path.write_bytes(OLD)
        before = snapshot(path)
        with full(path):
            with pytest.raises(FileError) as caught:
                disk().publish(spec_of(path), _BIG)
            assert (caught.value.reason, caught.value.transient) == ("NoSpace", True)
            assert snapshot(path) == before
            assert names(place) == ["app.conf", "ballast"]
        disk().publish(spec_of(path), NEW)
        assert path.read_bytes() == NEW
    finally:
        run("umount", place)


def test_overlay_is_written_like_any_other(place: Path) -> None:
    """The destination comes from the lower layer, as in an image: its first replacement copies nothing up."""
    run("mount", "-t", "tmpfs", "tmpfs", place)
    try:
        for name in ("lower", "upper", "work", "all"):
            (place / name).mkdir()
        (place / "lower" / "app.conf").write_bytes(OLD)
        layers = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
        run("mount", "-t", "overlay", "-o", layers, "overlay", place / "all")
        try:
            published = disk().publish(spec_of(place / "all" / "app.conf"), NEW, keep_old=True)
            assert (place / "all" / "app.conf").read_bytes() == NEW
            assert disk().restore(spec_of(place / "all" / "app.conf"), published.kept)
            assert (place / "all" / "app.conf").read_bytes() == OLD
            assert names(place / "all") == ["app.conf"]
        finally:
            run("umount", place / "all")
    finally:
        run("umount", place)


def test_user_without_rights_is_told_what_is_missing(place: Path) -> None:
    path = place / "app.conf"
    path.write_bytes(OLD)
    before = snapshot(path)

    def attempt() -> list[str | None]:
        spec: FileSpec = spec_of(path)
        try:
            disk().publish(spec, NEW)
        except FileError as error:
            return [error.reason, error.message, error.hint]
        return []

    answer = as_user(65532, attempt)
    assert isinstance(answer, list)
    assert answer[0] == "PermissionDenied"
    assert "uid 65532 may not write in the directory" in answer[1]
    assert snapshot(path) == before
