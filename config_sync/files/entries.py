"""The names of a set in its directory, ``name -> ..data/name``: which are there, which must be put, which must go.

A name is taken only when it is free, when it is ours (we published it before: an editor that replaced our link is put
right, as with any file), or when a file with the wanted bytes is there already. Anything else at a new name belongs to
somebody, and stays: the set is refused before it changes.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from config_sync.files.calls import Calls
from config_sync.files.failures import failure, refusal, step
from config_sync.files.names import link_text, new_switch
from config_sync.files.observe import Look, look
from config_sync.files.own_links import is_own_link, link_at
from config_sync.model import FileSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """What is at a name of the set: our link, nothing (`is_free`), or what our link will replace."""

    is_ours: bool = False
    is_free: bool = False
    file: Look | None = field(default=None, repr=False)
    """A regular file that is there."""


def entries_of(
    calls: Calls, files: Mapping[str, tuple[FileSpec, bytes]], *, at: int, previous: Collection[str]
) -> dict[str, Entry]:
    """What is at each name. `previous`: names that we published before.

    Raises:
        FileError: something of somebody else is at one; nothing was changed.
    """
    return {
        name: _entry_of(calls, name, content, at=at, path=spec.path, is_known=name in previous)
        for name, (spec, content) in files.items()
    }


def _entry_of(calls: Calls, name: str, content: bytes, *, at: int, path: str, is_known: bool) -> Entry:
    with step("lstat", path):
        info = calls.lstat(name, at=at)
        target = link_at(calls, name, at=at) if info is not None and stat.S_ISLNK(info.st_mode) else None
    if info is None:
        return Entry(is_free=True)
    if target is not None:
        if target != link_text(name) and not is_known:
            raise refusal(
                path,
                f"a symbolic link to {target} is there, which is not ours",
                reason="ForeignFile",
                step="lstat",
                hint="`layout: directory` makes links of its own: remove that one, or name another directory",
            )
        return Entry(is_ours=target == link_text(name))
    found = look(calls, name, at=at, path=path)
    if found is not None and not is_known and found.content != content:
        raise refusal(
            path,
            "a file that we did not write is there, and `layout: directory` would put a link in its place",
            reason="ForeignFile",
            step="lstat",
            hint="move it away, or name another directory",
        )
    return Entry(is_free=found is None, file=found)


def put_link(calls: Calls, name: str, target: str, *, at: int, path: str, is_over: bool) -> None:
    """The symbolic link `name`; `is_over`: it atomically replaces what is there. Raises FileError; nothing is left."""
    if not is_over:
        with step("symlink", path):
            calls.symlink(target, name, at=at)
        return
    temp = new_switch(name)
    with step("symlink", path):
        calls.symlink(target, temp, at=at)
    try:
        with step("rename", path):
            calls.rename(temp, name, at=at)
    except BaseException:
        with contextlib.suppress(OSError):
            calls.unlink(temp, at=at)
        raise


def remove_links(
    calls: Calls, names: Collection[str], *, at: int, directory: str
) -> tuple[list[str], list[str], list[str]]:
    """Removes those of `names` that are our links. Returns names that went, names that stay, and why they do."""
    removed: list[str] = []
    stay: list[str] = []
    warnings: list[str] = []
    for name in sorted(names):
        path = f"{directory}/{name}"
        try:
            info = calls.lstat(name, at=at)
            if info is None:
                continue
            if stat.S_ISLNK(info.st_mode) and is_own_link(calls, name, at=at):
                calls.unlink(name, at=at)
                removed.append(name)
                continue
            warnings.append(f"{path}: it is no longer part of the target, and stays because it is not our link")
        except OSError as error:
            told = failure(error, path, "unlink")
            warnings.append(f"{told.message}; it is no longer part of the target and should go")
        stay.append(name)
    return removed, stay, warnings
