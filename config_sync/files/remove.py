"""A file that the settings no longer name: removed only if it is ours and as we wrote it; else told why it stays."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_restore import dissolve
from config_sync.files.directory_sync import require_synced
from config_sync.files.failures import step
from config_sync.files.lock import ordered
from config_sync.files.names import DATA
from config_sync.files.observe import look, look_behind
from config_sync.files.own_links import current_name, is_own_link
from config_sync.files.walk import DirectoryMissing, Place, entered
from config_sync.model import AbsolutePath, Digest


@dataclass(frozen=True, slots=True)
class Removed:
    """The path holds nothing, durably. `is_news` False: it held nothing before."""

    is_news: bool


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It stays; `reason` is a clause that says why: ``it was changed since we wrote it``."""

    reason: str


Removal: TypeAlias = Removed | NotOurs


def remove(
    calls: Calls, path: AbsolutePath, digest: Digest, *, state_dir: str | None, digest_of: Callable[[bytes], Digest]
) -> Removal:
    """See `config_sync.files.disk.Disk.remove`. Raises FileError."""
    with contextlib.ExitStack() as held:
        try:
            here = held.enter_context(entered(calls, path.parent))
        except DirectoryMissing:
            return Removed(is_news=False)
        with step("lstat", path):
            is_link = is_own_link(calls, path.name, at=here)
        held.enter_context(ordered(calls, state_dir, DATA if is_link else path.name, at=here, is_last=True))
        removal = _removed(calls, Place(here, path.name, path, is_link), digest, digest_of)
        if isinstance(removal, Removed):
            require_synced(calls, at=here, path=path)
            if is_link and not _has_own_links(calls, at=here, directory=path.parent):
                dissolve(calls, (), at=here, directory=path.parent, durable=True)
        return removal


def _removed(calls: Calls, place: Place, digest: Digest, digest_of: Callable[[bytes], Digest]) -> Removal:
    name, at, path = place.name, place.fd, place.path
    with step("lstat", path):
        before = calls.lstat(name, at=at)
    if before is None:
        return Removed(is_news=False)
    try:
        found = (look_behind if place.is_own_link else look)(calls, name, at=at, path=path)
    except FileError as error:
        if error.errno is not None:
            raise
        return NotOurs(error.message.removeprefix(f"{path}: "))
    if found is None and not place.is_own_link:
        return Removed(is_news=False)
    # A link of ours that leads to nothing is what a crash left of us.
    if found is not None and found.content is None:
        return NotOurs("it cannot be read")
    if found is not None and found.content is not None and digest_of(found.content) != digest:
        return NotOurs("it was changed since we wrote it")
    with step("unlink", path):
        now = calls.lstat(name, at=at)
        expected = before if place.is_own_link or found is None else found.info
        if now is not None and not os.path.samestat(now, expected):
            return NotOurs("it was replaced at this very moment")
        calls.unlink(name, at=at)
    return Removed(is_news=True)


def _has_own_links(calls: Calls, *, at: int, directory: str) -> bool:
    """Whether a set of ours still has names there, or ``..data`` is not one of ours."""
    with step("readdir", directory):
        return current_name(calls, at=at) is None or any(is_own_link(calls, one, at=at) for one in calls.names(at))
