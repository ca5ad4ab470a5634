"""The way back: the replaced file stays beside the new one as a hidden hard link, until it is put back or discarded.

A link and no copy: the very inode returns, with its bytes, owner, mode, ACL and mtime, and no second plaintext exists.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import require_synced, sync_directory
from config_sync.files.failures import failure, refusal, step
from config_sync.files.in_place import overwrite
from config_sync.files.lock import ordered
from config_sync.files.memory import version_of
from config_sync.files.names import is_kept_of, new_kept
from config_sync.files.observe import Look, look, look_behind
from config_sync.files.own_links import OwnLink
from config_sync.files.walk import DirectoryMissing, Place, located
from config_sync.files.whole import Attributes, made
from config_sync.model import Durability, FileSpec, WriteMode

_NO_LINK = (errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
"""fs.protected_hardlinks on another user's file, too many links, or a file system without them (vfat, some FUSE)."""
_MOST_TRIES = 3


def keep_file(calls: Calls, name: str, old: Look, *, at: int, path: str, as_copy: bool = False) -> str:
    """Gives `old`, which is at `name`, a second, hidden name and returns it.

    Where no link can be made a copy serves, readable by us only; the next publish puts owner and mode right. `as_copy`:
    at once, because the file itself will be written to (``write: in_place``). A copy is durable with its name: the file
    may be torn when it is needed.

    Raises:
        FileError: neither link nor copy could be made, or another file came to be at `name`; nothing is left.
    """
    if as_copy and old.content is None:
        raise refusal(path, "its old content cannot be read, so there is no way back", reason="NotKept", step="read")
    if not as_copy:
        try:
            return _linked(calls, name, old, at=at, path=path)
        except OSError as error:
            if error.errno not in _NO_LINK or old.content is None:
                with step("link", path):
                    raise
    kept = new_kept(name)
    with made(calls, kept, old.content or b"", Attributes(old.mode & 0o700), at=at, path=path, durable=True):
        require_synced(calls, at=at, path=path)
    return kept


def _linked(calls: Calls, name: str, old: Look, *, at: int, path: str) -> str:
    """A link of the very file that was looked at: its name may lead to another by now. Raises OSError, FileError."""
    for tries_left in reversed(range(_MOST_TRIES)):
        kept = new_kept(name)
        try:
            calls.link(name, kept, at=at)
            break
        except FileExistsError:  # of an earlier run, or of somebody who guesses: never taken for ours
            if not tries_left:
                raise
    try:
        with step("lstat", path):
            found = calls.lstat(kept, at=at)
        if found is None or (version_of(found), found.st_size) != (old.version, old.info.st_size):
            error = refusal(path, "another program changed it at the same moment", reason="Overtaken", step="link")
            error.transient = True
            raise error
    except BaseException:
        with contextlib.suppress(OSError):
            calls.unlink(kept, at=at)
        raise
    return kept


def keep(calls: Calls, spec: FileSpec, *, state_dir: str | None) -> str | None:
    """See `config_sync.files.disk.Disk.keep`. Raises FileError."""
    try:
        with contextlib.ExitStack() as held:
            place = held.enter_context(located(calls, spec, own_link=OwnLink.STOP, reads=True))
            held.enter_context(ordered(calls, state_dir, place.name, at=place.fd))
            old = _seen(calls, place, at=place.fd)
            as_copy = place.is_own_link or spec.write is WriteMode.IN_PLACE
            if old is None:
                return None
            return keep_file(calls, place.name, old, at=place.fd, path=place.path, as_copy=as_copy)
    except DirectoryMissing:
        return None


def restore(calls: Calls, spec: FileSpec, kept: str | None, *, state_dir: str | None) -> bool:
    """See `config_sync.files.disk.Disk.restore`. Raises FileError."""
    with contextlib.ExitStack() as held:
        try:
            place = held.enter_context(located(calls, spec, own_link=OwnLink.STOP))
        except DirectoryMissing:
            return kept is None
        with step("readdir", place.path):
            here = held.enter_context(calls.opened(".", os.O_RDONLY | os.O_DIRECTORY, at=place.fd))
        held.enter_context(ordered(calls, state_dir, place.name, at=here))
        found = _seen(calls, place, at=here)
        if kept is None:
            with step("unlink", place.path):
                calls.unlink(place.name, at=here)
            is_done = True
        elif found is not None and (spec.write is WriteMode.IN_PLACE or place.is_own_link):
            is_done = _is_written_back(calls, found, kept, place=place, at=here)
        else:
            is_done = _is_put_back(calls, found, kept, name=place.name, at=here, path=place.path)
        if spec.durability is Durability.FULL:
            # Also where nothing was left to do: a killed predecessor may have died before this very call.
            _, error = sync_directory(calls, at=here, path=place.path)
            if error is not None:
                raise error
        return is_done


def discard(calls: Calls, spec: FileSpec, kept: str) -> None:
    """See `config_sync.files.disk.Disk.discard`. Raises FileError."""
    with contextlib.suppress(DirectoryMissing), located(calls, spec, own_link=OwnLink.STOP) as place:
        _require_ours(kept, name=place.name, path=place.path)
        with step("unlink", place.path):
            calls.unlink(kept, at=place.fd)


def _is_put_back(calls: Calls, found: Look | None, kept: str, *, name: str, at: int, path: str) -> bool:
    _require_ours(kept, name=name, path=path)
    with step("lstat", path):
        old = calls.lstat(kept, at=at)
    if old is None or not stat.S_ISREG(old.st_mode):
        return False
    if found is not None and os.path.samestat(found.info, old):
        # Nothing was replaced yet. A rename between two names of one inode does nothing (rename(2)), so it cannot
        # remove the second name.
        with step("unlink", path):
            calls.unlink(kept, at=at)
    else:
        with step("rename", path):
            calls.rename(kept, name, at=at)
    return True


def _is_written_back(calls: Calls, found: Look, kept: str, *, place: Place, at: int) -> bool:
    """Into the file that is there, for ``write: in_place``; its owner and mode stay."""
    _require_ours(kept, name=place.name, path=place.path)
    old = look(calls, kept, at=at, path=place.path)
    if old is None:
        return False
    if old.content is None:
        raise failure(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), f"{place.path}: {kept}", "read")
    # At a link of a directory nothing was replaced yet.
    if not place.is_own_link and not (old.content == found.content and _is_synced(calls, found, place=place, at=at)):
        attributes = Attributes(found.mode)
        _, error = overwrite(
            calls,
            place.name,
            old.content,
            attributes,
            at=at,
            path=place.path,
            old=found,
            is_same=False,
            durable=True,
        )
        if error is not None:
            raise error
    try:
        with step("unlink", place.path):
            calls.unlink(kept, at=at)
    except FileError as failed:  # the bytes are back
        failed.published = True
        raise
    return True


def _is_synced(calls: Calls, found: Look, *, place: Place, at: int) -> bool:
    """Whether the bytes that are back are on the disk: a predecessor may have died before it made sure of that."""
    try:
        with calls.opened(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, at=at) as fd:
            if os.path.samestat(calls.fstat(fd), found.info):
                calls.fsync(fd)
                return True
    except OSError:  # written anew, then
        pass
    return False


def _seen(calls: Calls, place: Place, *, at: int) -> Look | None:
    return (look_behind if place.is_own_link else look)(calls, place.name, at=at, path=place.path)


def _require_ours(kept: str, *, name: str, path: str) -> None:
    """A name that came from a record must be one of ours for this destination. Raises FileError."""
    if not is_kept_of(kept, name):
        problem: FileError = refusal(path, f"{kept!r} is no name of a kept file of it", reason="NotKept", step="names")
        raise problem
