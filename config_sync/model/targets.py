"""What one program reads: files, their policies, the checker, the reloads."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from config_sync.model.documents import ConfigRef, Format, Part, SetFormat
from config_sync.model.names import AbsolutePath
from config_sync.model.reloading import OnFailure, Probing, Reload


class SymlinkPolicy(enum.Enum):
    """What the writer does with a symbolic link on the way or at the end."""

    FOLLOW_TRUSTED = "follow-trusted"
    REFUSE = "refuse"


class Durability(enum.Enum):
    """Whether success promises to survive a power cut."""

    FULL = "full"
    NONE = "none"


class WriteMode(enum.Enum):
    """How new bytes get into place."""

    ATOMIC = "atomic"
    IN_PLACE = "in_place"
    """Into the file that is there, for a bind-mounted single file, which cannot be replaced: a reader may see a mix."""


class Layout(enum.Enum):
    """How the files of a target are switched."""

    FILES = "files"
    DIRECTORY = "directory"
    """All at once: ``name -> ..data/name``, ``..data -> ..g<random>``, in their one parent directory."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of a target: where, from what, how it looks. `uid`/`gid` None: left to the directory or the agent.

    `merge`, where it is not empty, stands instead of `source` (which is its first then): all of them become one
    document. `select` is a JSON pointer into that.
    """

    path: AbsolutePath
    source: ConfigRef
    format: Format
    mode: int = 0o640
    uid: int | None = None
    gid: int | None = None
    allow_empty: bool = False
    symlink: SymlinkPolicy = SymlinkPolicy.FOLLOW_TRUSTED
    create_parents: bool = False
    durability: Durability = Durability.FULL
    write: WriteMode = WriteMode.ATOMIC
    merge: tuple[Part, ...] = ()
    select: str | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The configs it is made of, in the order of the merge."""
        return self.merge or (Part(self.source),)

    @property
    def whole(self) -> str:
        """What its document is or is a part of, in messages: ``config 'a'``, ``the merge of 'a' and 'b'``."""
        *before, last = [repr(part.ref.label) for part in self.parts]
        return f"the merge of {', '.join(before)} and {last}" if before else f"config {last}"

    @property
    def origin(self) -> str:
        """What its document is, in messages: ``config 'a'``, ``/db of config 'a'``."""
        return f"{self.select} of {self.whole}" if self.select else self.whole

    @property
    def is_set(self) -> bool:
        """Whether `path` is a directory, and the format makes one file in it for each key of the document."""
        return isinstance(self.format, SetFormat)

    @property
    def directory(self) -> AbsolutePath:
        """Where its file, or its files, stand."""
        return self.path if self.is_set else self.path.parent

    def for_key(self, key: str) -> FileSpec:
        """The one file of a set."""
        assert isinstance(self.format, SetFormat)
        return replace(self, path=AbsolutePath(f"{self.path}/{key}"), format=self.format.for_key(key))


@dataclass(frozen=True, slots=True)
class Validate:
    """The consumer's own checker. `argv` holds placeholders; it runs at most `timeout_s` seconds.

    `in_place`: for checkers that can only see the published file (``nginx -t``): publish, run, put the old bytes
    back before any reload if it fails.
    """

    argv: tuple[str, ...]
    timeout_s: float = 30.0
    in_place: bool = False


class OnDrift(enum.Enum):
    """What happens to an edit that someone else made to a published file."""

    RESTORE = "restore"
    REPORT = "report"
    IGNORE = "ignore"


class OnFirstSync(enum.Enum):
    """Whether the first file ever written makes a reload pending."""

    AUTO = "auto"
    RELOAD = "reload"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Debounce:
    """The first change after quiet goes at once, later ones wait for `min_s` of quiet, at most `max_s` (seconds)."""

    min_s: float = 0.2
    max_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """What one program reads: its files, how to validate them, how to reload it."""

    name: str
    files: tuple[FileSpec, ...]
    validate: Validate | None = None
    reload: tuple[Reload, ...] = ()
    on_drift: OnDrift = OnDrift.RESTORE
    on_first_sync: OnFirstSync = OnFirstSync.AUTO
    debounce: Debounce = Debounce()
    required: bool = True
    layout: Layout = Layout.FILES
    prune: bool = False
    probe: Probing | None = None
    on_failure: OnFailure = OnFailure.KEEP
    splay_s: float = 0.0
    """A reload waits for a random part of it, in seconds, so that a fleet does not reload at once."""
    schema: AbsolutePath | None = None
    """A file of JSON Schema that every document of the target must satisfy."""
    key_set: FileSpec | None = None
    """The one of the files that is a set, if any; it stays here when the files that its keys make take its place."""

    @property
    def directory(self) -> AbsolutePath:
        """Where its set stands, with `Layout.DIRECTORY`."""
        return self.key_set.path if self.key_set is not None else self.files[0].path.parent

    def with_keys(self, keys: Iterable[str]) -> Target:
        """The target with a file for each key in place of its set."""
        made = [self.key_set.for_key(key) for key in keys] if self.key_set is not None else []
        files = [made if spec.is_set else [spec] for spec in self.files]
        return replace(self, files=tuple(one for some in files for one in some))

    @property
    def is_told(self) -> bool:
        """Whether there is somebody to tell of a change: one who is reloaded, or at least looked after."""
        return bool(self.reload) or self.probe is not None

    @property
    def configs(self) -> tuple[ConfigRef, ...]:
        """The documents it is made of, each once, in settings order."""
        return tuple(dict.fromkeys(part.ref for spec in self.files for part in spec.parts))

    @property
    def optional(self) -> frozenset[ConfigRef]:
        """Those of them that the service need not have, whichever file asks."""
        parts = [part for spec in self.files for part in spec.parts]
        return frozenset(part.ref for part in parts) - {part.ref for part in parts if not part.is_optional}
