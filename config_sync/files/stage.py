"""Copies for a checker: what would be published, under the destinations' base names, before anything is visible.

They lie in a directory of mode 0700 beside the destination: the same file system, the same setgid group, the same
security labels, and nobody but us can enter. They look as the published files will (mode, owner), since some checkers
refuse a key file that is too open. The directory is held by a flock: a sweep sees that it is in use.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.leftovers import remove_tree
from config_sync.files.names import new_stage
from config_sync.files.own_links import OwnLink
from config_sync.files.walk import located
from config_sync.files.whole import Attributes, made
from config_sync.model import AbsolutePath, FileSpec


@dataclass(frozen=True, slots=True)
class Staged:
    """Where the copies are: by destination, and the one directory that holds all of them (None: there is none)."""

    paths: Mapping[AbsolutePath, str]
    directory: str | None


@dataclass(slots=True)
class _Stage:
    """One stage directory, open and locked."""

    fd: int
    path: str
    names: set[str] = field(default_factory=set)


@contextlib.contextmanager
def stage(calls: Calls, files: Sequence[tuple[FileSpec, bytes]], *, one_directory: bool) -> Iterator[Staged]:
    """See `config_sync.files.disk.Disk.stage`. Raises FileError."""
    with contextlib.ExitStack() as held:
        stages: dict[tuple[int, int], list[_Stage]] = {}
        paths: dict[AbsolutePath, str] = {}
        first: _Stage | None = None
        for spec, content in files:
            place = held.enter_context(located(calls, spec, create=True, own_link=OwnLink.STOP))
            with step("fstat", place.path):
                info = calls.fstat(place.fd)
            beside = stages.setdefault((info.st_dev, info.st_ino), [])
            # Two names that differ in the settings may be one here, through links: then each has a stage of its own.
            found = next((one for one in beside if spec.path.name not in one.names), None)
            if found is None:
                found = held.enter_context(_opened(calls, at=place.fd, path=place.path))
                beside.append(found)
            first = first or found
            paths[spec.path] = _copy(calls, spec, content, found)
        yield Staged(MappingProxyType(paths), _directory_of_all(calls, files, stages, first, one_directory))


def _directory_of_all(
    calls: Calls,
    files: Sequence[tuple[FileSpec, bytes]],
    stages: Mapping[tuple[int, int], Sequence[_Stage]],
    first: _Stage | None,
    one_directory: bool,
) -> str | None:
    """The directory that holds a copy of each file; made so in the first stage if it is wanted and possible."""
    if first is None:
        return None
    if sum(len(beside) for beside in stages.values()) == 1:
        return first.path
    if not one_directory or len({spec.path.name for spec, _ in files}) < len(files):
        return None
    for spec, content in files:
        if spec.path.name not in first.names:
            _copy(calls, spec, content, first)
    return first.path


@contextlib.contextmanager
def _opened(calls: Calls, *, at: int, path: str) -> Iterator[_Stage]:
    """A new stage directory beside the destination `path`; removed with all it holds at the end."""
    name = new_stage()
    with step("mkdir", path):
        calls.mkdir(name, at=at, mode=0o700)
    try:
        with step("open", path):
            fd = calls.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, at=at)
        try:
            with step("flock", path):
                calls.lock(fd, wait=False)
            yield _Stage(fd, f"{os.path.dirname(path).rstrip('/')}/{name}")
        finally:
            with contextlib.suppress(OSError):
                remove_tree(calls, name, at=at, is_held=True)
            calls.close_quietly(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            remove_tree(calls, name, at=at, is_held=True)
        raise


def _copy(calls: Calls, spec: FileSpec, content: bytes, stage: _Stage) -> str:
    """One copy; its path."""
    name = spec.path.name
    with made(
        calls,
        name,
        content,
        Attributes(spec.mode, spec.uid, spec.gid),
        at=stage.fd,
        path=f"{stage.path}/{name}",
        durable=False,
    ):
        stage.names.add(name)
    return f"{stage.path}/{name}"
