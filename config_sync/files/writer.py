"""One destination replaced: whole or not at all, durable, with the right attributes before anybody can see it.

The sequence, every step on descriptors and never on names that could change meanwhile. The numbers stand at the code.

 1. Open the directory by a trusted walk (`walk`).            10. (the steps 5-14 are in `whole`)
 2. Take the destination's lock (`lock`).                     11. mtime strictly later than the old file's.
 3. Look without following; refuse what is no file.           12. Verify all attributes by fstat.
 4. All equal: no write, but once per process fsync file      13. fsync, never twice on one inode.
    and directory (a killed predecessor may not have).        14. Pin the inode, compare, close.
 5. Temp beside it, exclusive, at most 0600.                  15. Rename over the destination.
 6. Lock the temp: it is alive.                               16. Verify that the destination is our inode.
 7. Remove an inherited ACL.                                  17. fsync the directory.
 8. Write all, check the size.                                18. Remove what is left of a failure.
 9. fchown, then fchmod.

Until 15 the old file is untouched, whatever fails; after 15 the new one stays, whatever fails. Without 13 a rename can
outlive the data (ext4: zeros of the right length after a power cut); without 17 success could be forgotten.

The look of 3 comes first without the lock. Where all is equal and known to be durable, that is the end: one open file
was read, which writers replace and never change, and its version is one whose file and entry this process has synced,
so that no writer who is on the way can have put it there. So the answer was true at the moment of the look, as if the
call had come before all who hold or wait for the lock. With ``write: in_place`` the same inode changes under a reader,
and with anything else to be done the next step builds on the look: then the lock is taken, and it is looked again.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import not_durable, sync_directory
from config_sync.files.failures import refusal, step
from config_sync.files.in_place import TornWrite, overwrite
from config_sync.files.kept import keep_file
from config_sync.files.leftovers import clear
from config_sync.files.lock import ordered
from config_sync.files.memory import Memory, Version, version_of
from config_sync.files.names import new_temp
from config_sync.files.observe import Look, look_behind, look_closer
from config_sync.files.own_links import OwnLink
from config_sync.files.result import Published, WriteResult
from config_sync.files.walk import Place, located
from config_sync.files.whole import Attributes, made
from config_sync.model import Durability, FileSpec, WriteMode

_MOST_TRIES = 3
"""Another agent that clears leftovers may take a temp between two of our steps; three times is an enemy."""


def publish(
    calls: Calls,
    spec: FileSpec,
    content: bytes,
    *,
    memory: Memory,
    state_dir: str | None,
    keep_old: bool,
    keep: Collection[str],
    now: float,
) -> Published:
    """Carries the sequence out; see `config_sync.files.disk.Disk.publish` for the promise. Raises FileError."""
    is_new_here = not memory.is_known(spec.path, durable=spec.durability is Durability.FULL)
    settle = is_new_here and (spec.create_parents or spec.path in memory.loose)
    with located(calls, spec, create=True, settle=settle, own_link=OwnLink.STOP, reads=True) as place:  # 1
        writer = _Writer(calls, spec, content, memory=memory, place=place)
        seen: Look | None = None
        if not place.is_own_link and spec.write is WriteMode.ATOMIC:
            seen = look_closer(calls, place.name, place.info, at=place.fd, path=place.path, wanted=content)
            if writer.is_in_sync(seen):
                return Published(WriteResult.UNCHANGED, is_same_content=True)
        try:
            with ordered(calls, state_dir, place.name, at=place.fd):  # 2
                return writer.run(seen, keep_old=keep_old, keep=keep, now=now)
        except FileError as error:
            if error.errno == errno.EROFS and memory.is_known(spec.path, durable=False):
                error.hint = (
                    "it was writable before: the directory was replaced or remounted under this process's mount "
                    "namespace; restart the agent"
                )
            raise


class _Writer:
    """The steps from 3 on, for one destination whose directory is open."""

    def __init__(self, calls: Calls, spec: FileSpec, content: bytes, *, memory: Memory, place: Place) -> None:
        self._calls = calls
        self._spec = spec
        self._content = content
        self._memory = memory
        self._at = place.fd
        self._name = place.name
        self._path = place.path
        self._is_own_link = place.is_own_link  # a directory layout was here: the file takes its link's place
        self._attributes = Attributes(spec.mode, spec.uid, spec.gid)
        self._is_durable = spec.durability is Durability.FULL
        self._warnings: list[str] = []

    def is_in_sync(self, old: Look | None) -> bool:
        """Whether nothing at all is to be done; the lock need not be held."""
        if old is None or old.content != self._content or self._differs(old):
            return False
        return self._memory.is_done(self._spec.path, old.version, durable=self._is_durable)

    def run(self, seen: Look | None, *, keep_old: bool, keep: Collection[str], now: float) -> Published:
        """All the rest, under the lock. `seen`: what was there before it was taken, if that is known."""
        memory, path = self._memory, self._spec.path
        old = self._look(seen)  # 3
        is_same = old is not None and old.content == self._content
        is_known = memory.is_known(path, durable=self._is_durable)
        if old is None or not is_same or self._differs(old) or not is_known:
            self._clear(old, keep=keep, now=now)
        if old is not None and is_same and not self._differs(old) and self._is_settled(old):  # 4
            return self._sync_directory(old.version, WriteResult.UNCHANGED, kept=None, is_same=True)
        cleared = memory.cleared.pop(self._path, None)  # until it ends well
        published = self._written(old, keep_old=keep_old, is_same=is_same)
        if cleared is not None and published.kept is None:
            memory.cleared[self._path] = cleared
        return published

    def _look(self, seen: Look | None) -> Look | None:
        """What is there now. `seen` serves again if nothing happened since and no promise hangs on its bytes."""
        if self._is_own_link:
            return look_behind(self._calls, self._name, at=self._at, path=self._path)
        with step("lstat", self._path):
            info = self._calls.lstat(self._name, at=self._at)
        if seen is not None and seen.content != self._content and seen.is_still(info):
            return seen
        return look_closer(self._calls, self._name, info, at=self._at, path=self._path)

    def _clear(self, old: Look | None, *, keep: Collection[str], now: float) -> None:
        """Removes what is left of earlier writes, unless this process knows that nothing is."""
        is_single = old is None or old.info.st_nlink == 1
        if is_single and not keep and self._memory.is_clear(self._path, now=now):
            return
        self._memory.cleared.pop(self._path, None)
        mine = clear(self._calls, self._name, at=self._at, path=self._path, keep=keep, now=now)
        self._warn_of_links(old, mine)
        if not keep:
            self._memory.cleared[self._path] = now

    def _written(self, old: Look | None, *, keep_old: bool, is_same: bool) -> Published:
        if old is not None and self._spec.write is WriteMode.IN_PLACE and not self._is_own_link:
            return self._overwrite(old, keep_old=keep_old, is_same=is_same)
        for tries_left in reversed(range(_MOST_TRIES)):
            try:
                return self._replace(old, keep_old=keep_old, is_same=is_same)
            except FileError as error:
                if error.reason != "Interfered" or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _differs(self, old: Look) -> bool:
        """Whether mode, owner, group or ACL are not as wanted, or a write may have been lost."""
        is_wrong = old.has_acl or self._attributes.differ_from(old.info) or self._is_own_link
        return is_wrong or self._spec.path in self._memory.suspect

    def _is_settled(self, old: Look) -> bool:
        """Whether the file that is there is durable, by our own hand or now; False: it must be written anew."""
        if not self._is_durable or self._memory.is_done(self._spec.path, old.version, durable=True):
            return True
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with self._calls.opened(self._name, flags, at=self._at) as fd:
                if not os.path.samestat(self._calls.fstat(fd), old.info):
                    return False
                self._calls.fsync(fd)
        except OSError:
            return False  # its data may be lost although it can still be read
        return True

    def _replace(self, old: Look | None, *, keep_old: bool, is_same: bool) -> Published:
        temp = new_temp(self._name)
        kept: str | None = None
        is_visible = False
        try:
            with made(  # 5 to 14
                self._calls,
                temp,
                self._content,
                self._attributes,
                at=self._at,
                path=self._path,
                later_than_ns=old.info.st_mtime_ns if old is not None else None,
                durable=self._is_durable,
            ) as new:
                if keep_old and old is not None:
                    kept = keep_file(self._calls, self._name, old, at=self._at, path=self._path)
                with step("rename", self._path):  # 15
                    self._calls.rename(temp, self._name, at=self._at)
                is_visible = True
                unseen = self._verify(new)  # 16
        except BaseException:
            if kept is not None and not is_visible:  # 18
                with contextlib.suppress(OSError):
                    self._calls.unlink(kept, at=self._at)
            raise
        self._memory.suspect.discard(self._spec.path)
        result = WriteResult.HEALED if is_same else WriteResult.WRITTEN
        return self._sync_directory(version_of(new), result, kept=kept, is_same=is_same, failed=unseen)  # 17

    def _overwrite(self, old: Look, *, keep_old: bool, is_same: bool) -> Published:
        """The way of ``write: in_place``: no entry changes, but the one that is there may be a dead predecessor's."""
        spec, memory = self._spec, self._memory
        kept: str | None = None
        if keep_old:
            kept = keep_file(self._calls, self._name, old, at=self._at, path=self._path, as_copy=True)
        # Bytes whose fsync failed once are written again.
        is_heal = is_same and spec.path not in memory.suspect
        try:
            new, error = overwrite(
                self._calls,
                self._name,
                self._content,
                self._attributes,
                at=self._at,
                path=self._path,
                old=old,
                is_same=is_heal,
                durable=self._is_durable,
            )
        except FileError as failed:
            memory.settled.pop(spec.path, None)
            if kept is not None and not (isinstance(failed, TornWrite) and not failed.is_put_back):
                with contextlib.suppress(OSError):
                    self._calls.unlink(kept, at=self._at)
            raise
        if not is_heal:
            self._warnings.append(f"not atomic: {self._path} was written in place, a reader may have seen a mix")
        memory.suspect.discard(spec.path)
        result = WriteResult.HEALED if is_same else WriteResult.WRITTEN
        return self._sync_directory(version_of(new), result, kept=kept, is_same=is_same, failed=error)

    def _verify(self, new: os.stat_result) -> FileError | None:
        """The destination is the file that we made; returns why we cannot tell. Raises FileError if it is not."""
        try:
            found = self._calls.lstat(self._name, at=self._at)
        except OSError as failed:  # the switch is made: nothing may look as if the old file were still there
            return not_durable(failed, self._path, "lstat")
        if found is None or not os.path.samestat(found, new):
            error = refusal(
                self._path, "another program replaced it at the same moment", reason="Overtaken", step="verify"
            )
            error.transient = True
            raise error
        return None

    def _sync_directory(
        self,
        version: Version,
        result: WriteResult,
        *,
        kept: str | None,
        is_same: bool,
        failed: FileError | None = None,
    ) -> Published:
        """Makes the entry durable where that is promised and not known; a failure is told, and nothing is undone.

        `failed`: what went wrong since the switch already.
        """
        error = failed
        if self._is_durable and not self._memory.is_done(self._spec.path, version, durable=True):
            warning, unsynced = sync_directory(self._calls, at=self._at, path=self._path)
            error = error or unsynced
            if warning is not None:
                self._warnings.append(warning)
        if error is None:
            self._memory.note(self._spec.path, version, durable=self._is_durable)
        else:
            self._memory.doubt(self._spec.path)
            result = WriteResult.WRITTEN_NOT_DURABLE
        return Published(result, kept, tuple(self._warnings), error, is_same)

    def _warn_of_links(self, old: Look | None, mine: int) -> None:
        """Other names of the old file keep the old content. `mine` of its links are ours."""
        if old is not None and old.info.st_nlink - mine > 1:
            self._warnings.append(
                f"{self._path}: it has {old.info.st_nlink - mine - 1} more hard link(s), which keep the old content"
            )
