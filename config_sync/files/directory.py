"""Several files as one: ``name -> ..data/name`` and ``..data -> ..g<random>``, switched by one rename.

The sequence, under the lock of ``..data``, on the descriptor of the directory that a trusted walk opened:

 1. Look at all: the generation shown, the names. What is not ours is refused before anything changes.
 2. Clear leftovers: generations never shown, links never switched.
 3. All as wanted: no write, but once per process all is made durable. Else:
 4. Build a generation (`generations`), with all final modes and owners, every file and itself synced.
 5. A link of a random name to it; fsync the directory, so that neither can come later than the switch.
 6. Rename the link over ``..data``: the switch. Verify. fsync the directory.
 7. Add missing names, put back those that were replaced, remove our links of vanished names. fsync if any changed.
 8. Remove generations whose grace is over.

1, 2, 7 and 8 are done every time, so that whatever a crash left is repaired although nothing changed. Until 6 the old
set is untouched, whatever fails. A reader that wants one generation opens ``..data`` once. A new name appears after its
data, a vanished one goes before its data does. Where files of ours stand at the names (``layout: files`` before), they
first become a generation with their own bytes: they too are switched at once, and there is a way back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import sync_directory
from config_sync.files.entries import Entry, entries_of, put_link, remove_links
from config_sync.files.failures import refusal, step
from config_sync.files.generations import Generation, built, names_in_all, read_generation, settled, sweep_generations
from config_sync.files.lock import ordered
from config_sync.files.names import DATA, GENERATION, SWITCH, new_switch, tag
from config_sync.files.observe import Look
from config_sync.files.own_links import link_at
from config_sync.files.walk import entered
from config_sync.files.writer import Memory, WriteResult
from config_sync.model import AbsolutePath, Durability, FileSpec, SymlinkPolicy

GRACE_S = 60.0
"""How long a replaced generation stays. A reader that entered it must come to its end: twice the time that a reload
may take by default (30 s), and no more, since it holds old secrets."""
_MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """What a publish of a set did.

    `changed`: paths whose visible bytes are others than before. `removed`: paths that went. `stayed`: paths that should
    have gone and did not (`warnings` say why): they belong in the next manifest if that is to be tried again. `kept`:
    the generation that was replaced, None if nothing was. `error`: the durability is unknown.
    """

    result: WriteResult
    generation: str
    kept: str | None = None
    changed: tuple[AbsolutePath, ...] = ()
    removed: tuple[AbsolutePath, ...] = ()
    stayed: tuple[AbsolutePath, ...] = ()
    warnings: tuple[str, ...] = ()
    error: FileError | None = None


def publish_directory(
    calls: Calls,
    directory: AbsolutePath,
    files: Sequence[tuple[FileSpec, bytes]],
    *,
    memory: Memory,
    state_dir: str | None,
    previous: Collection[str],
    keep: Collection[str],
    leave: Collection[AbsolutePath],
    grace_s: float,
    now: float,
) -> PublishedSet:
    """Carries the sequence out; see `config_sync.files.disk.Disk.publish_directory`. Raises FileError."""
    like = shared_terms(directory, [spec for spec, _ in files])
    with opened_set(calls, directory, like, state_dir=state_dir, memory=memory, create=True) as here:
        for tries_left in reversed(range(_MOST_TRIES)):
            publisher = _Publisher(calls, directory, like, memory=memory, at=here, previous=previous)
            try:
                return publisher.run(files, keep=keep, leave=leave, grace_s=grace_s, now=now)
            except FileError as error:
                if publisher.is_switched:
                    error.published = True
                    error.message += "; the new files are in place behind ..data"
                    error.args = (error.message,)
                if error.reason != "Interfered" or not tries_left:
                    raise
    raise AssertionError("the last try returns or raises")


def shared_terms(directory: AbsolutePath, specs: Sequence[FileSpec]) -> FileSpec:
    """One spec that stands for the set: the strictest of each policy. Raises FileError for names that cannot be."""
    for spec in specs:
        if spec.path.parent != directory:
            raise ValueError(f"{spec.path} does not lie in {directory}")
        if spec.path.name == DATA or GENERATION.fullmatch(spec.path.name):
            raise refusal(spec.path, "`layout: directory` needs that name for itself", reason="NameTaken", step="names")
    first, *_ = specs
    is_durable = any(spec.durability is Durability.FULL for spec in specs)
    refuses = any(spec.symlink is SymlinkPolicy.REFUSE for spec in specs)
    return replace(
        first,
        path=directory,
        create_parents=any(spec.create_parents for spec in specs),
        durability=Durability.FULL if is_durable else Durability.NONE,
        symlink=SymlinkPolicy.REFUSE if refuses else SymlinkPolicy.FOLLOW_TRUSTED,
    )


@contextlib.contextmanager
def opened_set(
    calls: Calls, directory: AbsolutePath, like: FileSpec, *, state_dir: str | None, memory: Memory, create: bool
) -> Iterator[int]:
    """The directory, open and locked against other writers of its set. Raises FileError as `located` does."""
    is_new_here = f"{directory}/{DATA}" not in memory.settled
    with entered(calls, directory, like=like, create=create, settle=is_new_here) as here:
        with ordered(calls, state_dir, DATA, at=here):
            yield here


class _Publisher:
    """One try of the steps from 1 on."""

    def __init__(
        self,
        calls: Calls,
        directory: AbsolutePath,
        like: FileSpec,
        *,
        memory: Memory,
        at: int,
        previous: Collection[str],
    ) -> None:
        self._calls = calls
        self._directory = directory
        self._key = f"{directory}/{DATA}"
        self._is_durable = like.durability is Durability.FULL
        self._memory = memory
        self._at = at
        self._previous = previous
        self._warnings: list[str] = []
        self._error: FileError | None = None
        self.is_switched = False
        """Whether the new set is visible, whatever comes then."""

    def run(
        self,
        files: Sequence[tuple[FileSpec, bytes]],
        *,
        keep: Collection[str],
        leave: Collection[AbsolutePath],
        grace_s: float,
        now: float,
    ) -> PublishedSet:
        with step("readdir", self._directory):
            around = self._calls.names(self._at)
        current = shown = self._shown()
        wanted = {spec.path.name: (spec, content) for spec, content in files}
        left = {path.name for path in leave} & wanted.keys()
        for name in left:
            # An edit that is tolerated goes with the set as it is.
            if shown is not None and (edited := shown.files.get(name)) is not None and edited.content is not None:
                wanted[name] = (wanted[name][0], edited.content)
        there = entries_of(self._calls, wanted, at=self._at, previous={*self._previous, *left})
        self._clear(around)
        held = {*keep, *([shown.name] if shown is not None else [])}
        with step("unlink", self._directory):
            sweep_generations(self._calls, around, at=self._at, keep=held, grace_s=grace_s, now=now)
        if current is None:
            current = self._adopt(wanted, there)
            if current is not None:
                there = {name: replace(one, is_ours=one.is_ours or one.file is not None) for name, one in there.items()}
        before = {name: _visible(name, entry, current) for name, entry in there.items()}
        is_new = current is None or not current.holds(wanted) or not self._is_settled(current)
        kept: str | None = None
        if is_new or current is None:
            kept = current.name if current is not None else None
            identity, name = self._switch(list(wanted.values()), old=current.files if current is not None else {})
        else:
            identity, name = current.identity, current.name
        missing = {name for name, entry in there.items() if not entry.is_ours and not (name in left and entry.file)}
        for each in sorted(missing):
            is_over = there[each].file is not None or each in self._links_over(there)
            put_link(self._calls, each, f"{DATA}/{each}", at=self._at, path=wanted[each][0].path, is_over=is_over)
        return self._finished(around, wanted, before, missing, name, identity, kept, is_new)
