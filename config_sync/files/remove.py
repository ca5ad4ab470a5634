"""A file that the settings no longer name: removed only if it is ours and as we wrote it; else told why it stays.

That a name is gone must outlive a power cut like anything else: as soon as no record names the file, nobody would
remove it again. So the directory is synced also where nothing is there (any more): a killed predecessor may have
removed it just before its fsync.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_restore import dissolve
from config_sync.files.directory_sync import sync_directory
from config_sync.files.failures import step
from config_sync.files.lock import ordered
from config_sync.files.names import DATA, GENERATION
from config_sync.files.observe import look, look_behind
from config_sync.files.own_links import current_name, is_own_link
from config_sync.files.walk import DirectoryMissing, Place, entered
from config_sync.model import AbsolutePath, Digest


@dataclass(frozen=True, slots=True)
class Removed:
    """The path holds nothing. `is_news` False: it held nothing before.

    `error`: it is not known whether that outlives a power cut; ask again.
    """

    is_news: bool
    error: FileError | None = None


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It stays; `reason` is a clause that says why: ``it was changed since we wrote it``."""

    reason: str


Removal: TypeAlias = Removed | NotOurs

_MEANWHILE = "it was replaced at this very moment"


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
            is_of_set = _is_of_set(calls, path.name, at=here)
        held.enter_context(ordered(calls, state_dir, DATA if is_of_set else path.name, at=here, is_last=True))
        removal = _removed(calls, Place(here, path.name, path, is_of_set), digest, digest_of)
        if isinstance(removal, NotOurs):
            return removal
        error = _unsafe(calls, at=here, path=path)
        if error is None and is_of_set:
            try:
                if not _has_own_links(calls, at=here, directory=path.parent):
                    dissolve(calls, (), at=here, directory=path.parent, durable=True)
            except FileError as failed:  # what the file was in is still there
                error = failed
                error.published = True
        return replace(removal, error=error)


def confirm_gone(calls: Calls, path: AbsolutePath) -> Removed | None:
    """See `config_sync.files.disk.Disk.confirm_gone`. Raises FileError."""
    with contextlib.ExitStack() as held:
        try:
            here = held.enter_context(entered(calls, path.parent))
        except DirectoryMissing:
            return Removed(is_news=False)
        with step("lstat", path):
            if calls.lstat(path.name, at=here) is not None:
                return None
        return Removed(is_news=False, error=_unsafe(calls, at=here, path=path))


def _unsafe(calls: Calls, *, at: int, path: str) -> FileError | None:
    """Why a power cut may bring the file back; None: it cannot."""
    return sync_directory(calls, at=at, path=path, but="it is removed, but a power cut may bring it back")[1]


def _is_of_set(calls: Calls, name: str, *, at: int) -> bool:
    """Whether a link of a set is there; or nothing, beside what a predecessor left that died as it removed the last."""
    if is_own_link(calls, name, at=at):
        return True
    if calls.lstat(name, at=at) is not None or not _is_data_ours(calls, at=at):
        return False
    return any(GENERATION.fullmatch(entry) for entry in calls.names(at))


def _is_data_ours(calls: Calls, *, at: int) -> bool:
    """Whether ``..data`` is a link of ours, or gone."""
    return current_name(calls, at=at) is not None or calls.lstat(DATA, at=at) is None


def _removed(calls: Calls, place: Place, digest: Digest, digest_of: Callable[[bytes], Digest]) -> Removal:
    name, at, path = place.name, place.fd, place.path
    with step("lstat", path):
        before = calls.lstat(name, at=at)
        is_other = before is not None and place.is_own_link and not is_own_link(calls, name, at=at)
    if before is None:
        return Removed(is_news=False)
    if is_other:
        return NotOurs(_MEANWHILE)
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
            return NotOurs(_MEANWHILE)
        calls.unlink(name, at=at)
    return Removed(is_news=True)


def _has_own_links(calls: Calls, *, at: int, directory: str) -> bool:
    """Whether a set still has names there, or ``..data`` is of somebody else."""
    with step("readdir", directory):
        return not _is_data_ours(calls, at=at) or any(is_own_link(calls, one, at=at) for one in calls.names(at))
