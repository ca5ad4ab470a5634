"""Files that go because the settings no longer name them, and what is held of any file for a way back."""

from __future__ import annotations

import contextlib
import os.path
from collections.abc import Iterator, Mapping
from dataclasses import replace

from config_sync.errors import FileError
from config_sync.files import Disk
from config_sync.files.names import KEPT
from config_sync.model import AbsolutePath, Digest, FileSpec, Layout, Present, Record, Target, WriteMode


def spec_of(target: Target, path: str) -> FileSpec:
    """The target's file at `path`, or terms to put one back that it no longer names: the very inode returns."""
    named = next((spec for spec in target.files if spec.path == path), None)
    if named is not None:
        return named
    assert target.files or target.key_set is not None
    like = target.files[0] if target.files or target.key_set is None else target.key_set.for_key("key")
    return replace(like, path=AbsolutePath(path), write=WriteMode.ATOMIC)


def prunable(disk: Disk, target: Target, record: Record) -> Iterator[tuple[FileSpec, Digest]]:
    """What ``prune`` would remove now, but for the links of the target's own set: the generation has their files."""
    named = {str(spec.path) for spec in target.files}
    ours = {**record.dropped, **record.written} if target.prune else {}
    for path, digest in ours.items():
        is_of_set = target.layout is Layout.DIRECTORY and os.path.dirname(path) == target.directory
        if path in named or (is_of_set and os.path.islink(path)):
            continue
        spec = spec_of(target, path)
        with contextlib.suppress(FileError):  # a directory, say: it stays
            state = disk.observe(spec)
            if isinstance(state, Present) and state.digest == digest:
                yield spec, digest


def discard_kept(disk: Disk, target: Target, kept: Mapping[str, str]) -> None:
    """What is held of single files goes, by path; a set's generations go by themselves, when their grace is over."""
    for path, name in kept.items():
        if KEPT.fullmatch(name):
            with contextlib.suppress(FileError):  # a leftover: the next write or start sweeps it
                disk.discard(spec_of(target, path), name)
