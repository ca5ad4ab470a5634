"""A set of three files in one directory, published as one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from config_sync.files import Disk, PublishedSet
from config_sync.files.names import GENERATION
from config_sync.model import AbsolutePath, FileSpec
from tests.unit.files.world import disk, spec_of

V1: Mapping[str, bytes] = {"app.conf": b"app 1\n" * 40, "tls.crt": b"crt 1\n", "tls.key": b"key 1\n"}
V2: Mapping[str, bytes] = {"app.conf": b"app 2\n" * 50, "tls.crt": b"crt 2\n", "tls.key": b"key 2\n"}
OTHER: Mapping[str, bytes] = {"app.conf": b"app 3\n", "tls.crt": b"crt 3\n", "new.conf": b"new 3\n"}


def root_of(directory: Path) -> AbsolutePath:
    return AbsolutePath(str(directory))


def items(directory: Path, files: Mapping[str, bytes], *, mode: int = 0o640) -> list[tuple[FileSpec, bytes]]:
    """As the settings would give them."""
    return [(dataclasses.replace(spec_of(directory / name), mode=mode), content) for name, content in files.items()]


def publish(
    directory: Path,
    files: Mapping[str, bytes],
    *,
    by: Disk | None = None,
    gate: Callable[[str], None] | None = None,
    state: Path | None = None,
    previous: Collection[str] = (),
    leave: Collection[str] = (),
    keep: Collection[str] = (),
    mode: int = 0o640,
    grace_s: float = 60.0,
) -> PublishedSet:
    """By a fresh process, if no Disk is given."""
    return (by or disk(gate=gate, state_dir=state)).publish_directory(
        root_of(directory),
        items(directory, files, mode=mode),
        previous=previous,
        keep=keep,
        leave=[AbsolutePath(str(directory / name)) for name in leave],
        grace_s=grace_s,
    )


def shown(directory: Path) -> dict[str, bytes]:
    """What a reader gets who opens ``..data`` once."""
    fd = os.open(directory / "..data", os.O_RDONLY | os.O_DIRECTORY)
    try:
        found: dict[str, bytes] = {}
        for name in os.listdir(fd):
            with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                found[name] = file.read()
        return found
    finally:
        os.close(fd)


def by_name(directory: Path) -> dict[str, bytes]:
    """What readers of the single names get."""
    return {
        name: (directory / name).read_bytes()
        for name in sorted(os.listdir(directory))
        if not name.startswith(".") and (directory / name).is_file()
    }


def generations(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if GENERATION.fullmatch(name)]


def litter(directory: Path) -> list[str]:
    """All that is neither shown nor a name, nor the one generation before."""
    current = os.readlink(directory / "..data") if (directory / "..data").is_symlink() else ""
    return sorted(name for name in os.listdir(directory) if name.startswith(".") and name not in ("..data", current))


def later(directory: Path) -> bool:
    """Whether the clock of the file system has moved since ``..data`` was switched: its ticks are some ms long."""
    probe = directory / "probe"
    probe.write_bytes(b"")
    moved = probe.stat().st_ctime_ns > os.lstat(directory / "..data").st_ctime_ns
    probe.unlink()
    return moved


def identity(directory: Path) -> object:
    """All that must not change when nothing is written."""
    found = []
    for parent, directories, files in os.walk(directory):
        for name in [".", *sorted(directories), *sorted(files)]:
            info = os.lstat(os.path.join(parent, name))
            found.append((parent, name, info.st_ino, info.st_mode, info.st_uid, info.st_mtime_ns))
    return found
