"""Several files as one: ``name -> ..data/name`` and ``..data -> ..g<random>``, switched by one rename.

The sequence, under the lock of ``..data``, on the descriptor of the directory that a trusted walk opened:

 1. Look at all: the generation shown, the names. What is not ours is refused before anything changes.
 2. Clear leftovers: generations never shown, links never switched.
 3. All as wanted: no write, but once per process all is made durable. Else:
 4. Build a generation (`generations`), with all final modes and owners, every file and itself synced.
 5. fsync the directory: the generation's entry must not come later than the switch.
 6. Rename a link of a random name over ``..data``: the switch. Verify. fsync the directory.
 7. Add missing names, put back those that were replaced, remove our links of vanished names. fsync if any changed.
 8. Remove generations whose grace is over.

1, 2, 7 and 8 are done every time, so that whatever a crash left is repaired although nothing changed. Until 6 the old
set is untouched, whatever fails. A reader that wants one generation opens ``..data`` once. A new name appears after its
data, a vanished one goes before its data does. Where files of ours stand at the names (``layout: files`` before), they
first become a generation with their own bytes: they too are switched at once, and there is a way back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.directory_sync import sync_directory
from config_sync.files.entries import Entry, entries_of, put_link, remove_links
from config_sync.files.failures import refusal, step
from config_sync.files.generations import Generation, built, names_in_all, read_generation, settled, sweep_generations
from config_sync.files.leftovers import clear
from config_sync.files.memory import Memory
from config_sync.files.names import DATA, GENERATION, SWITCH, link_text
from config_sync.files.observe import Look
from config_sync.files.own_links import link_at
from config_sync.files.result import WriteResult
from config_sync.files.set_directory import opened_set, require_switched, shared_terms, switch
from config_sync.model import AbsolutePath, Durability, FileSpec

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
    like: FileSpec | None,
    grace_s: float,
    now: float,
) -> PublishedSet:
    """Carries the sequence out; see `config_sync.files.disk.Disk.publish_directory`. Raises FileError."""
    like = shared_terms(directory, [spec for spec, _ in files], like=like)
    key, durable = f"{directory}/{DATA}", like.durability is Durability.FULL
    settle = not memory.is_known(key, durable=durable) and (like.create_parents or key in memory.loose)
    with opened_set(calls, directory, like, state_dir=state_dir, create=True, settle=settle) as here:
        for tries_left in reversed(range(_MOST_TRIES)):
            publisher = _Publisher(calls, directory, like, memory=memory, at=here, previous=previous)
            try:
                return publisher.run(files, keep=keep, leave=leave, grace_s=grace_s, now=now)
            except FileError as error:
                if publisher.is_switched:
                    error.published = True
                if publisher.is_switched or error.reason != "Interfered" or not tries_left:
                    raise
    raise AssertionError("the last try returns or raises")


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
        self._needs_sync = False
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
        known = {*self._previous, *names_in_all(self._calls, around, at=self._at)}
        shown = self._shown()  # 1
        wanted = {spec.path.name: (spec, content) for spec, content in files}
        left = {path.name for path in leave} & wanted.keys()
        _carry_edits(wanted, left, shown)
        there = entries_of(self._calls, wanted, at=self._at, previous={*self._previous, *left})
        held = {*keep, *([shown.name] if shown is not None else [])}
        self._clear(around, held, grace_s=grace_s, now=now)  # 2, 8
        current = shown if shown is not None else self._adopted(wanted, there)
        before = {name: _visible(name, entry, current) for name, entry in there.items()}
        if current is not None and current.holds(wanted) and self._is_settled(current):  # 3
            generation, identity, kept = current.name, current.identity, None
        else:
            generation, identity = self._switch(list(wanted.values()), current)
            kept = current.name if current is not None else None
        edited = {name for name in left if there[name].file is not None}
        put = [name for name, entry in sorted(there.items()) if not entry.is_ours and name not in edited]
        for name in put:  # 7
            self._put_link(name, there[name], wanted[name][0].path)
        vanished = known - wanted.keys()
        removed, stayed, warnings = remove_links(self._calls, vanished, at=self._at, directory=self._directory)
        self._warnings += warnings
        self._needs_sync = self._needs_sync or bool(put or removed)
        self._settle(identity)
        changed = [wanted[name][0].path for name in wanted if name not in edited and before[name] != wanted[name][1]]
        result = WriteResult.UNCHANGED
        if self._error is not None:
            result = WriteResult.WRITTEN_NOT_DURABLE
        elif changed or removed:
            result = WriteResult.WRITTEN
        elif put or self.is_switched:
            result = WriteResult.HEALED
        return PublishedSet(
            result,
            generation,
            kept=kept,
            changed=tuple(changed),
            removed=self._paths(removed),
            stayed=self._paths(stayed),
            warnings=tuple(self._warnings),
            error=self._error,
        )

    def _shown(self) -> Generation | None:
        """The generation that ``..data`` leads to; None: there is none, or one to be replaced. Raises FileError."""
        with step("lstat", self._key):
            info = self._calls.lstat(DATA, at=self._at)
            target = link_at(self._calls, DATA, at=self._at)
        if info is not None and (target is None or not (GENERATION.fullmatch(target) or self._previous)):
            raise refusal(
                self._key,
                "it is there and not ours: another program keeps its files in this directory",
                reason="ForeignFile",
                step="lstat",
                hint="name another directory; `layout: directory` needs one of its own",
            )
        if target is None or not GENERATION.fullmatch(target):
            return None
        return read_generation(self._calls, target, at=self._at, path=self._directory)

    def _clear(self, around: Collection[str], held: Collection[str], *, grace_s: float, now: float) -> None:
        """Links that were never switched, generations never shown or past their grace, old temps and stages."""
        clear(self._calls, DATA, at=self._at, path=self._key, keep=(), now=now)
        for entry in around:
            if SWITCH.fullmatch(entry):
                with contextlib.suppress(OSError):
                    if link_at(self._calls, entry, at=self._at) is not None:
                        self._calls.unlink(entry, at=self._at)
        with step("lstat", self._key):
            sweep_generations(self._calls, around, at=self._at, keep=held, grace_s=grace_s, now=now)

    def _adopted(self, wanted: Mapping[str, tuple[FileSpec, bytes]], there: dict[str, Entry]) -> Generation | None:
        """Files that we published one by one become a generation of their own bytes; None: there are none."""
        files = [
            (_as_it_is(wanted[name][0], entry.file), entry.file.content)
            for name, entry in there.items()
            if entry.file is not None and entry.file.content is not None
        ]
        if all(content == wanted[spec.path.name][1] for spec, content in files):
            return None
        try:
            name, _ = self._switch(files, None)
        except FileError:
            return None  # such as owners that we may not give: then there is no way back, as for a first set
        self.is_switched = False
        for spec, _ in files:
            self._put_link(spec.path.name, there[spec.path.name], spec.path)
            there[spec.path.name] = Entry(is_ours=True)
        return read_generation(self._calls, name, at=self._at, path=self._directory)

    def _is_settled(self, current: Generation) -> bool:
        """Whether the generation that is there is durable, by our own hand or now; False: build another."""
        if self._key in self._memory.suspect:
            return False
        if not self._is_durable or self._memory.is_done(self._key, current.identity, durable=True):
            return True
        self._needs_sync = True
        return settled(self._calls, current, at=self._at)

    def _switch(
        self, files: Sequence[tuple[FileSpec, bytes]], current: Generation | None
    ) -> tuple[str, tuple[int, int]]:
        """Steps 4 to 6; the new generation's name, device and inode. Raises FileError."""
        old = current.files if current is not None else {}
        with built(self._calls, files, at=self._at, path=self._directory, old=old, durable=self._is_durable) as made:
            switch(self._calls, made[0], at=self._at, directory=self._directory, durable=self._is_durable)
        self.is_switched = True
        require_switched(self._calls, made[0], at=self._at, directory=self._directory)
        self._needs_sync = True
        self._sync()
        return made

    def _put_link(self, name: str, entry: Entry, path: str) -> None:
        put_link(self._calls, name, link_text(name), at=self._at, path=path, is_over=not entry.is_free)

    def _sync(self) -> None:
        """The directory's entries made durable, if that is wanted, due, and has not failed before."""
        if not self._is_durable or not self._needs_sync or self._error is not None:
            return
        warning, self._error = sync_directory(self._calls, at=self._at, path=self._directory)
        if warning is not None and warning not in self._warnings:
            self._warnings.append(warning)
        self._needs_sync = False

    def _settle(self, identity: tuple[int, int]) -> None:
        self._sync()
        if self._error is None:
            self._memory.note(self._key, identity, durable=self._is_durable)
            self._memory.suspect.discard(self._key)
        else:
            self._memory.doubt(self._key)

    def _paths(self, names: Collection[str]) -> tuple[AbsolutePath, ...]:
        return tuple(AbsolutePath(f"{self._directory}/{name}") for name in names)


def _carry_edits(wanted: dict[str, tuple[FileSpec, bytes]], left: Collection[str], shown: Generation | None) -> None:
    """An edit inside the generation that is tolerated goes with the set as it is."""
    for name in left:
        edited = shown.files.get(name) if shown is not None else None
        if edited is not None and edited.content is not None:
            wanted[name] = (wanted[name][0], edited.content)


def _visible(name: str, entry: Entry, current: Generation | None) -> bytes | None:
    """The bytes that a reader of the name got before; None: none, or we could not read them."""
    if entry.is_ours:
        found = current.files.get(name) if current is not None else None
        return found.content if found is not None else None
    return entry.file.content if entry.file is not None else None


def _as_it_is(spec: FileSpec, found: Look) -> FileSpec:
    return replace(spec, mode=found.mode, uid=found.info.st_uid, gid=found.info.st_gid)
