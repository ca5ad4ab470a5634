"""What one program reads: files, their policies, the checker, the reloads."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from config_sync.model.documents import ConfigRef, Format
from config_sync.model.names import AbsolutePath
from config_sync.model.reloading import Reload


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
    """One file of a target: where, from what, how it looks. `uid`/`gid` None: left to the directory or the agent."""

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

    @property
    def configs(self) -> tuple[ConfigRef, ...]:
        """The documents it is made of, each once, in settings order."""
        return tuple(dict.fromkeys(spec.source for spec in self.files))
