"""The disk as a pass over one target sees it: one object with a handful of verbs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from config_sync.clock import Clock, SystemClock
from config_sync.files import kept as ways_back
from config_sync.files.calls import Calls
from config_sync.files.leftovers import sweep
from config_sync.files.observe import observe
from config_sync.files.stage import Staged, stage
from config_sync.files.writer import Memory, Published, publish
from config_sync.model import AbsolutePath, FileSpec, FileState


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

        A file that we may not read (or larger than 256 MiB) has the digest `UNREADABLE`, which equals nothing.

        Raises:
            FileError: for a directory, FIFO, socket, device, an untrusted or dangling link, or a failing call.
        """
        return observe(self._calls, spec, digest_key=self._digest_key)

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
        """Removes our leftovers (temps, kept files, stages) older than 60 s that nobody holds; returns their paths.

        For the start of the process. `keep`: base names of kept files that records still name. Never raises: a
        directory that is missing or closed to us has nothing we could sweep.
        """
        names = frozenset(keep)
        now = self._clock.now()
        return tuple(
            path
            for directory in dict.fromkeys(directories)
            for path in sweep(self._calls, directory, keep=names, now=now)
        )
