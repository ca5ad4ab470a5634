"""What a killed predecessor left beside destinations, and nothing else: only exact names of ours, only unheld files.

A temp, a kept file and a stage are held by a flock while they are used, which the kernel drops at a kill. A foreign
dot file, or one of ours under another kind (a directory named like a temp), stays. Generations of a directory layout
and links that were to be switched have rules of their own (`generations`).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.generations import sweep_generations
from config_sync.files.names import KEPT, OURS, STAGE, SWITCH, TEMP, is_kept_of, is_temp_of, tag
from config_sync.files.own_links import current_name, link_at
from config_sync.files.walk import entered
from config_sync.model import AbsolutePath

_MOST_RECENT_S = 60.0
"""Younger ones of other destinations may belong to a writer between two of its steps."""
GRACE_S = 60.0
"""How long a replaced generation stays. A reader that entered it must come to its end: twice the time that a reload
may take by default (30 s), and no more, since it holds old secrets."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def clear(calls: Calls, name: str, *, at: int, path: str, keep: Collection[str], now: float) -> int:
    """Removes the leftovers of the destination `name`, whatever their age, under its lock; and old ones of others.

    Not the kept files of others: `keep` speaks for this destination only. `now` is Unix time in seconds.

    Returns how many kept names (those in `keep`) are links of the file that is at `name` now. Raises FileError: the
    directory cannot be read. A leftover that cannot be removed stays: it blocks nothing, its name is never used again.
    """
    with step("readdir", path):
        entries = [entry for entry in calls.names(at) if entry.startswith(OURS)]
    mine = 0
    for entry in entries:
        if is_kept_of(entry, name) and entry in keep:
            mine += _is_same(calls, entry, name, at=at)
        elif is_kept_of(entry, name) or is_temp_of(entry, name):
            with contextlib.suppress(OSError):
                _remove_file(calls, entry, at=at)
        elif TEMP.fullmatch(entry) or STAGE.fullmatch(entry):
            with contextlib.suppress(OSError):
                _remove_old(calls, entry, at=at, now=now)
    return mine


def clear_all(calls: Calls, names: Collection[str], *, at: int, path: str, keep: Collection[str]) -> None:
    """Removes the leftovers of many destinations in one directory, under their locks. Raises FileError as `clear`."""
    with step("readdir", path):
        entries = calls.names(at)
    mine = {f".config-sync-{tag(name)}-" for name in names}
    start = len(next(iter(mine), ""))
    for entry in entries:
        if entry[:start] in mine and entry not in keep and (TEMP.fullmatch(entry) or KEPT.fullmatch(entry)):
            with contextlib.suppress(OSError):
                _remove_file(calls, entry, at=at)


def clear_own(calls: Calls, directory: str, name: str, *, now: float) -> None:
    """Removes at once what a killed predecessor left of our own file `name`, in a directory with one writer only.

    Never raises: what cannot be removed blocks nothing.
    """
    with contextlib.suppress(OSError, FileError), calls.opened(directory, os.O_RDONLY | os.O_DIRECTORY) as here:
        clear(calls, name, at=here, path=os.path.join(directory, name), keep=(), now=now)


def clear_temps(calls: Calls, directory: str) -> None:
    """The same of all files in such a directory. Never raises."""
    with contextlib.suppress(OSError), calls.opened(directory, os.O_RDONLY | os.O_DIRECTORY) as here:
        for entry in calls.names(here):
            if TEMP.fullmatch(entry):
                with contextlib.suppress(OSError):
                    _remove_file(calls, entry, at=here)


def sweep(calls: Calls, directory: AbsolutePath, *, keep: Collection[str], now: float) -> tuple[str, ...]:
    """Removes old leftovers in `directory`, `now` in Unix seconds. See `Disk.sweep`."""
    removed: list[str] = []
    with contextlib.suppress(FileError, OSError), contextlib.ExitStack() as held:
        here = held.enter_context(entered(calls, directory))
        entries = calls.names(here)
        for entry in entries:
            if SWITCH.fullmatch(entry):
                with contextlib.suppress(OSError):
                    if link_at(calls, entry, at=here) is not None and _is_old(calls, entry, at=here, now=now):
                        calls.unlink(entry, at=here)
                        removed.append(f"{directory}/{entry}")
            if not (TEMP.fullmatch(entry) or STAGE.fullmatch(entry) or (KEPT.fullmatch(entry) and entry not in keep)):
                continue
            with contextlib.suppress(OSError):
                if _remove_old(calls, entry, at=here, now=now):
                    removed.append(f"{directory}/{entry}")
        # Without ``..data`` all generations count as never shown; another agent may be about to show its first one.
        if (shown := current_name(calls, at=here)) is not None:
            swept = sweep_generations(calls, entries, at=here, keep={shown, *keep}, grace_s=GRACE_S, now=now)
            removed += [f"{directory}/{name}" for name in swept]
    return tuple(removed)


def _remove_old(calls: Calls, name: str, *, at: int, now: float) -> bool:
    """Removes the leftover `name` if it is old and nobody holds it. Raises OSError."""
    if not _is_old(calls, name, at=at, now=now):
        return False
    return (remove_tree if STAGE.fullmatch(name) else _remove_file)(calls, name, at=at)


def _is_old(calls: Calls, name: str, *, at: int, now: float) -> bool:
    """Whether it is there and old. The change time: a kept file has an old mtime, and nobody can set a change time."""
    info = calls.lstat(name, at=at)
    return info is not None and now - info.st_ctime > _MOST_RECENT_S


def remove_tree(calls: Calls, name: str, *, at: int, is_held: bool = False) -> bool:
    """Removes the directory `name` with all it holds, following nothing; False: it is no directory, or it is held.

    `is_held`: by the caller itself, so that its lock is not asked for. Raises OSError.
    """
    info = calls.lstat(name, at=at)
    if info is None or not stat.S_ISDIR(info.st_mode):
        return False
    with calls.opened(name, _DIRECTORY, at=at) as inside:
        if not is_held and not calls.lock(inside, wait=False):
            return False
        for entry in calls.names(inside):
            if not remove_tree(calls, entry, at=inside, is_held=True):
                calls.unlink(entry, at=inside)
    calls.rmdir(name, at=at)
    return True


def _remove_file(calls: Calls, name: str, *, at: int) -> bool:
    """Removes the file `name` unless somebody holds it or it is of another kind. Raises OSError."""
    info = calls.lstat(name, at=at)
    if info is None or not stat.S_ISREG(info.st_mode):
        return False
    try:
        with calls.opened(name, _FILE, at=at) as fd:
            if not calls.lock(fd, wait=False):
                return False
            calls.unlink(name, at=at)
    except PermissionError:
        # Not readable by us: its owner and mode were set already, so its writer is past the lock or dead.
        calls.unlink(name, at=at)
    return True


def _is_same(calls: Calls, one: str, other: str, *, at: int) -> bool:
    """Whether both names are one inode."""
    with contextlib.suppress(OSError):
        first, second = calls.lstat(one, at=at), calls.lstat(other, at=at)
        return first is not None and second is not None and os.path.samestat(first, second)
    return False
