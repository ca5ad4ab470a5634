"""The disk as a pass over one target sees it: one object with a handful of verbs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from config_sync.clock import Clock, SystemClock
from config_sync.errors import FileError
from config_sync.files import kept as ways_back
from config_sync.files.batch import publish_many
from config_sync.files.calls import Calls
from config_sync.files.directory import PublishedSet, publish_directory
from config_sync.files.directory_restore import restore_directory
from config_sync.files.leftovers import GRACE_S, sweep
from config_sync.files.lock import sweep_locks
from config_sync.files.memory import Memory
from config_sync.files.observe import Seen, observe, see
from config_sync.files.remove import Removal, Removed, confirm_gone, remove
from config_sync.files.result import Published
from config_sync.files.stage import Staged, stage
from config_sync.files.writer import publish
from config_sync.model import AbsolutePath, Digest, FileSpec, FileState, digest_of


class Disk:
    """Observes and changes destinations. One for the life of a process, shared by all threads.

    `state_dir` holds the locks that order the writers of one file (None: no lock is taken); `digest_key` is the key
    of `config_sync.model.digest_of`. Every failure is a FileError that names the path, the step and the errno.
    """

    def __init__(
        self,
        *,
        digest_key: bytes,
        state_dir: str | None,
        calls: Calls | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._digest_key = digest_key
        self._state_dir = state_dir
        self._calls = calls or Calls()
        self._clock = clock or SystemClock()
        self._memory = Memory()

    def observe(self, spec: FileSpec) -> FileState:
        """What is at the destination now; `Missing` also when its directory is missing.

        Through the links of a directory layout it looks at the file in the generation.

        A file that we may not read (or larger than 256 MiB) has the digest `UNREADABLE`, which equals nothing.

        Raises:
            FileError: for a directory, FIFO, socket, device, an untrusted or dangling link, or a failing call.
        """
        return observe(self._calls, spec, digest_key=self._digest_key)

    def see(self, spec: FileSpec) -> Seen | None:
        """What is at the destination, with its bytes; None: nothing. Changes nothing and takes no lock.

        Raises:
            FileError: as `observe`, and where the bytes may not be read.
        """
        return see(self._calls, spec, digest_key=self._digest_key)

    def keep(self, spec: FileSpec) -> str | None:
        """Hard-links what is at the destination beside it and returns the link's base name; None: nothing is there.

        For callers that must write the name down (``attempting``) *before* they publish.
        """
        return ways_back.keep(self._calls, spec, state_dir=self._state_dir)

    def publish(
        self, spec: FileSpec, content: bytes, *, keep_old: bool = False, keep: Collection[str] = ()
    ) -> Published:
        """Makes the destination hold `content` with the wanted attributes: whole, verified, durable.

        Call it for a file that is in sync too: then it writes nothing, but makes sure once per process that what is
        there is durable (a killed predecessor may have died before its last fsync).

        `keep_old`: the replaced file stays as a hidden hard link, named by `Published.kept`. `keep`: names of earlier
        links (``Record.attempting.kept``) that must stay; every other leftover of this destination goes, and so do old
        temps and stages beside it.

        Raises:
            FileError: nothing changed: bytes, mode, owner, mtime and inode are the old ones and no temp is left.
        """
        return publish(
            self._calls,
            spec,
            content,
            memory=self._memory,
            state_dir=self._state_dir,
            keep_old=keep_old,
            keep=frozenset(keep),
            now=self._clock.now(),
        )

    def publish_many(
        self, items: Sequence[tuple[FileSpec, bytes]], *, keep: Collection[str] = ()
    ) -> tuple[Published | FileError, ...]:
        """Many files, as `publish` does each, but new ones of one directory share an fsync: for a first sync.

        The results stand in the order of `items`; a file that failed has its FileError there, and the others go on.
        """
        return publish_many(
            self._calls,
            items,
            memory=self._memory,
            state_dir=self._state_dir,
            keep=frozenset(keep),
            publish_one=lambda spec, content: self.publish(spec, content, keep=keep),
        )

    def publish_directory(
        self,
        directory: AbsolutePath,
        files: Sequence[tuple[FileSpec, bytes]],
        *,
        previous: Collection[str] = (),
        keep: Collection[str] = (),
        leave: Collection[AbsolutePath] = (),
        like: FileSpec | None = None,
        grace_s: float = GRACE_S,
    ) -> PublishedSet:
        """Makes all `files`, whose parent is `directory`, visible at once (``layout: directory``).

        Call it also when all is in sync: it writes nothing then, but repairs what a crash left.

        `previous`: base names that we published there before (the last manifest): our links of those that are no longer
        in `files` go, and what stands in the place of the others is replaced. At names that are not in it, anything but
        a link of ours or a file with the wanted bytes is refused. `keep`: generations that must stay (a way back that a
        record names). `leave`: files whose edits by others are tolerated: they go on with the set as they are.
        `like`: the terms of a set that has no files (any more): without it there must be one.
        `grace_s`: how many seconds a replaced generation stays for readers that are in it.

        Raises:
            FileError: the old set is untouched; or, with ``published``, the new one is visible behind ``..data``, but a
                link in front of it could not be put right: the next call does.
        """
        return publish_directory(
            self._calls,
            directory,
            files,
            memory=self._memory,
            state_dir=self._state_dir,
            previous=frozenset(previous),
            keep=frozenset(keep),
            leave=frozenset(leave),
            like=like,
            grace_s=grace_s,
            now=self._clock.now(),
        )

    def restore_directory(
        self, directory: AbsolutePath, specs: Sequence[FileSpec], kept: str | None, *, previous: Collection[str] = ()
    ) -> bool:
        """Shows the generation `kept` (`PublishedSet.kept`) again, durably; None: the whole set goes.

        `specs` and `previous` name what was published since: our links to names that `kept` does not have go. False:
        `kept` is gone, nothing was changed. Safe to repeat. Raises FileError.
        """
        return restore_directory(
            self._calls,
            directory,
            specs,
            kept,
            memory=self._memory,
            state_dir=self._state_dir,
            previous=frozenset(previous),
        )

    def remove(self, path: AbsolutePath, digest: Digest) -> Removal:
        """Removes a file that the settings no longer name (``prune``), durably, if it still has the `digest` we wrote.

        Anything else stays: another digest, another kind, a link that is not one of a directory layout. With the last
        link of such a layout its generations go too. Where nothing is there, that is made durable (a killed predecessor
        may have removed it). `Removed.error` tells that this failed: then nobody may forget the file yet.

        Raises:
            FileError: a call failed, and what was there is still there.
        """
        return remove(
            self._calls,
            path,
            digest,
            state_dir=self._state_dir,
            digest_of=lambda content: digest_of(content, key=self._digest_key),
        )

    def confirm_gone(self, path: AbsolutePath) -> Removed | None:
        """Makes durable that nothing is at `path`, whoever removed it; None: something is there, and stays.

        Raises:
            FileError: a call failed before the fsync of the directory.
        """
        return confirm_gone(self._calls, path)

    def restore(self, spec: FileSpec, kept: str | None) -> bool:
        """Puts the file that `keep` or `publish` kept back, durably; `kept` None: removes the destination.

        False: the kept file is gone (restored before, or swept), nothing was changed. Safe to repeat.
        """
        return ways_back.restore(self._calls, spec, kept, state_dir=self._state_dir)

    def discard(self, spec: FileSpec, kept: str) -> None:
        """Removes the kept file; that it is gone already is fine."""
        ways_back.discard(self._calls, spec, kept)

    @contextlib.contextmanager
    def stage(self, files: Sequence[tuple[FileSpec, bytes]], *, one_directory: bool = False) -> Iterator[Staged]:
        """Copies of `files` for a checker, each under its destination's base name, with final mode and owner.

        `Staged.paths` maps a destination to its copy. `Staged.directory` is the directory that holds them all; where
        the destinations live in several, it is only made with `one_directory`, and is None if base names collide.
        Everything is removed at the end, also after an exception.
        """
        with stage(self._calls, files, one_directory=one_directory) as staged:
            yield staged

    def sweep(self, directories: Collection[AbsolutePath], *, keep: Collection[str] = ()) -> tuple[str, ...]:
        """Removes our leftovers that are older than 60 s and held by nobody; returns their paths.

        Temps, kept files, stages, and of directory layouts generations that are not shown and unswitched links. For the
        start of the process. `keep`: base names of kept files and generations that records still name. Never
        raises: a directory that is missing or closed to us has nothing we could sweep.
        """
        if self._state_dir is not None:
            sweep_locks(self._calls, self._state_dir)
        names = frozenset(keep)
        now = self._clock.now()
        return tuple(
            path
            for directory in dict.fromkeys(directories)
            for path in sweep(self._calls, directory, keep=names, now=now)
        )
