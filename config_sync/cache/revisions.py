"""`RevisionCache`: the directory ``cache`` in the state directory, one file for each revision of each config.

One file a revision, so that a new one costs one small durable write whatever is kept beside it, that a damaged one
takes no other along, and that a crash leaves the new or the old and nothing in between. Rules:

* The newest comes first; what is beyond the history is removed once the new one is durable, and never before.
* A revision that comes again (a rollback at the service) becomes the newest. Its ciphertext is the one first seen: the
  service's nonce is a new one with each answer, so that equal content has as many ciphertexts as answers. Only after a
  change of the encryption key the new one is taken, since the old key will be gone some day.
* `keep` is called at every pass that found the service's content on disk. It writes only if it has news: a revision, a
  version, or that `confirmed_at` is older than `confirm_every_s`.
* A file that does not open is told (``cache.damaged``) and never used. It goes when its revision is kept anew, or with
  its age, like any other.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from config_sync.cache.names import Entry, entry_for, parsed, shelf_of
from config_sync.cache.revision import Cached, Revision, Seen
from config_sync.cache.sealed import opened, sealed, sealing_key
from config_sync.errors import FileError, RevisionDamaged, RevisionMissing
from config_sync.files.calls import Calls
from config_sync.files.failures import step
from config_sync.files.leftovers import clear_temps
from config_sync.files.replace import make_directory, replace_file
from config_sync.log import CACHE_DAMAGED, logger
from config_sync.model import ConfigRef

NAME = "cache"
_MODE = 0o600
_MOST_BYTES = 256 * 1024**2
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
HISTORY = 10
CONFIRM_EVERY_S = 6 * 3600.0


@dataclass(slots=True)
class _Shelf:
    """The files of one config, newest first; `newest` is the first one read, once it was."""

    entries: list[Entry] = field(default_factory=list)
    newest: Revision | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class RevisionCache:
    """See the module. One for the life of a process, shared by all threads; two processes may read, one writes.

    `history`: revisions kept of each config. `confirm_every_s`: how much older than the truth `confirmed_at` may be.
    """

    def __init__(
        self,
        state_dir: str,
        *,
        digest_key: bytes,
        history: int = HISTORY,
        confirm_every_s: float = CONFIRM_EVERY_S,
        calls: Calls | None = None,
    ) -> None:
        self._directory = os.path.join(state_dir, NAME)
        self._key = sealing_key(digest_key)
        self.history = history
        self.confirm_every_s = confirm_every_s
        self._calls = calls or Calls()
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] | None = None
        self._told: set[str] = set()

    # ---- what is kept

    def revisions(self, ref: ConfigRef) -> tuple[Revision, ...]:
        """Every revision of the config that opens, newest first. Damaged ones are logged, and passed over."""
        found: dict[str, Revision] = {}
        for cached in self.each(ref):
            # One that came again, and whose older file a kill left there, is found twice: the first one counts.
            found.setdefault(cached.revision.revision, cached.revision)
        return tuple(found.values())

    def each(self, ref: ConfigRef) -> Iterator[Cached]:
        """The same with their content, one file read at a time."""
        try:
            entries = tuple(self._shelf(ref).entries)
        except FileError:
            return
        for entry in entries:
            with contextlib.suppress(RevisionDamaged, RevisionMissing):
                yield self._read(entry, ref)

    def load(self, ref: ConfigRef, revision: str) -> Cached:
        """One kept revision.

        Raises:
            RevisionMissing: it is not kept (any more).
            RevisionDamaged: its file was changed, cut, or put there from elsewhere.
        """
        try:
            entry = next((one for one in self._shelf(ref).entries if one.revision == revision), None)
        except FileError as error:
            raise RevisionMissing(error.message) from error
        if entry is None:
            raise RevisionMissing(f"config {ref.label}: revision {revision} is not in the cache")
        return self._read(entry, ref)

    # ---- changes

    def keep(self, seen: Seen, *, target: str, now: float) -> None:
        """The service has this one, and it is on disk: it is the newest now, and `target` lives with it.

        Raises:
            FileError: it could not be written; what was kept before is still there.
        """
        shelf = self._shelf(seen.ref)
        with shelf.lock:
            known = self._newest(shelf, seen.ref)
            is_newest = known is not None and known.revision == seen.revision
            if known is not None and is_newest and not self._is_news(known, seen, target, now):
                return
            cached = self._again(shelf, seen, now)
            number = cached.revision.number if is_newest else max([one.number for one in shelf.entries], default=0) + 1
            refused_by = tuple(name for name in cached.revision.refused_by if name != target)
            revision = replace(cached.revision, number=number, refused_by=refused_by, confirmed_at=now)
            self._put(shelf, replace(cached, revision=revision))

    def refuse(self, ref: ConfigRef, revision: str, *, target: str) -> None:
        """`target` could not live with the revision: it shall not get it again from here. Nothing if it is not kept.

        Raises:
            FileError: it could not be written.
        """
        shelf = self._shelf(ref)
        with shelf.lock, contextlib.suppress(RevisionDamaged, RevisionMissing):
            cached = self.load(ref, revision)
            if target not in cached.revision.refused_by:
                refused_by = (*cached.revision.refused_by, target)
                self._put(shelf, replace(cached, revision=replace(cached.revision, refused_by=refused_by)))

    def prune(self, named: Collection[ConfigRef]) -> tuple[str, ...]:
        """Remove what is kept of configs that are not `named`, and what is beyond the history.

        Never raises: what cannot be removed is tried again at the next start. Returns the names of the files.
        """
        wanted = {shelf_of(ref) for ref in named}
        removed: list[str] = []
        with contextlib.suppress(FileError):
            for key, shelf in list(self._all().items()):
                with shelf.lock:
                    removed += self._drop(shelf, shelf.entries[self.history if key in wanted else 0 :])
        return tuple(removed)

    def sweep(self) -> None:
        """Remove what a killed predecessor left half written. For the start of the one process that writes."""
        clear_temps(self._calls, self._directory)

    def _is_news(self, known: Revision, seen: Seen, target: str, now: float) -> bool:
        if known.told_by(seen) != known or target in known.refused_by:
            return True
        return not known.confirmed_at <= now < known.confirmed_at + self.confirm_every_s

    def _again(self, shelf: _Shelf, seen: Seen, now: float) -> Cached:
        """The revision as it is kept already, with what is told of it now; else as it was seen."""
        entry = next((one for one in shelf.entries if one.revision == seen.revision), None)
        if entry is not None:
            with contextlib.suppress(RevisionDamaged, RevisionMissing):
                kept = self._read(entry, seen.ref)
                ciphertext = kept.ciphertext if kept.revision.key == seen.key else seen.ciphertext
                return Cached(kept.revision.told_by(seen), ciphertext)
        revision = Revision(
            ref=seen.ref,
            revision=seen.revision,
            key=seen.key,
            version=seen.version,
            changed_by=seen.changed_by,
            saved_at=seen.saved_at,
            stored_at=now,
            confirmed_at=now,
            number=0,
        )
        return Cached(revision, seen.ciphertext)

    def _put(self, shelf: _Shelf, cached: Cached) -> None:
        """The file in place, durably; then what it replaces and what is beyond the history goes."""
        one = cached.revision
        entry = entry_for(one.ref, one.number, one.revision)
        with step("mkdir", self._directory):
            self._make_directory()
        replace_file(self._directory, entry.name, sealed(cached, key=self._key), mode=_MODE, calls=self._calls)
        before = [each for each in shelf.entries if each.name != entry.name]
        others = [each for each in before if each.revision != entry.revision]
        shelf.entries = sorted([entry, *others], key=lambda each: -each.number)
        if shelf.entries[0] is entry:
            shelf.newest = one
        kept = shelf.entries[: self.history]
        self._drop(shelf, [each for each in {*before, *shelf.entries} if each not in kept])

    def _drop(self, shelf: _Shelf, entries: Collection[Entry]) -> list[str]:
        """Returns the names of the files that are gone. A file that stays does no harm: it is dropped again."""
        removed: list[str] = []
        if not entries:
            return removed
        with contextlib.suppress(OSError), self._calls.opened(self._directory, _DIRECTORY) as here:
            for entry in entries:
                with contextlib.suppress(OSError):
                    with contextlib.suppress(FileNotFoundError):
                        self._calls.unlink(entry.name, at=here)
                    removed.append(entry.name)
        shelf.entries = [one for one in shelf.entries if one.name not in removed]
        if not shelf.entries:
            shelf.newest = None
        return removed

    def _make_directory(self) -> None:
        """With its entry in the state directory made durable once. Raises OSError."""
        if os.path.isdir(self._directory):
            return
        make_directory(self._directory)
        with self._calls.opened(os.path.dirname(self._directory), _DIRECTORY) as above:
            self._calls.fsync(above)

    # ---- files

    def _newest(self, shelf: _Shelf, ref: ConfigRef) -> Revision | None:
        """As it stands on disk: somebody may have cleared the directory under a running agent."""
        if not shelf.entries or not os.path.lexists(os.path.join(self._directory, shelf.entries[0].name)):
            shelf.newest = None
            return None
        if shelf.newest is None:
            with contextlib.suppress(RevisionDamaged, RevisionMissing):
                shelf.newest = self._read(shelf.entries[0], ref).revision
        return shelf.newest

    def _read(self, entry: Entry, ref: ConfigRef) -> Cached:
        """Raises RevisionDamaged, RevisionMissing."""
        path = os.path.join(self._directory, entry.name)
        try:
            with self._calls.opened(path, _FILE) as fd:
                size = self._calls.fstat(fd).st_size
                content = self._calls.read(fd, at_most=_MOST_BYTES, size=size)
        except OSError as error:
            raise RevisionMissing(f"{path}: {error.strerror}") from error
        try:
            cached = opened(content, key=self._key, path=path)
            if (cached.revision.ref, cached.revision.revision) != (ref, entry.revision):
                raise RevisionDamaged(
                    f"{path}: it holds revision {cached.revision.revision} of config {cached.revision.ref.label}"
                )
        except RevisionDamaged as error:
            if entry.name not in self._told:
                self._told.add(entry.name)
                logger().warning(CACHE_DAMAGED, path=path, config=ref.label, error=error.message, hint=error.hint)
            raise
        return cached

    def _shelf(self, ref: ConfigRef) -> _Shelf:
        """Raises FileError: the directory cannot be read."""
        key = shelf_of(ref)
        shelves = self._all()
        with self._lock:
            return shelves.setdefault(key, _Shelf())

    def _all(self) -> dict[str, _Shelf]:
        with self._lock:
            if self._shelves is None:
                self._shelves = self._listed()
            return self._shelves

    def _listed(self) -> dict[str, _Shelf]:
        """What the directory holds. Raises FileError: not to know must not be taken for an empty cache."""
        names: list[str] = []
        with step("readdir", self._directory), contextlib.suppress(FileNotFoundError):
            with self._calls.opened(self._directory, _DIRECTORY) as here:
                names = self._calls.names(here)
        shelves: dict[str, _Shelf] = {}
        found = [entry for entry in map(parsed, names) if entry is not None]
        for entry in sorted(found, key=lambda one: -one.number):
            shelves.setdefault(entry.shelf, _Shelf()).entries.append(entry)
        return shelves
