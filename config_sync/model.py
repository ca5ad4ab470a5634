"""The nouns of config-sync: frozen values, parsed at the border, trusted inside."""

from __future__ import annotations

import enum
import hashlib
import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType, Protocol, TypeAlias

from config_sync.errors import Retry, SyncError

Digest = NewType("Digest", str)
"""Identity of content: keyed BLAKE2b, 16 bytes, as hex. A plain hash of a low-entropy secret could be guessed."""


def digest_of(content: bytes, *, key: bytes) -> Digest:
    """The keyed identity of `content` (RFC 7693; `key` 1-64 bytes, random per state directory)."""
    return Digest(hashlib.blake2b(content, key=key, digest_size=16).hexdigest())


class ConfigName(str):
    r"""A config's name, 1-253 characters, that cannot leave its path segment.

    Raises:
        ValueError: on ``/ \ ? # %``, white space, control characters, a leading dot, or a wrong length.
    """

    __slots__ = ()
    _FORBIDDEN = re.compile(r"[/\\?#%\s\x00-\x1f\x7f-\x9f]")

    def __new__(cls, text: str) -> ConfigName:
        """Checks and normalizes."""
        if not 1 <= len(text) <= 253:
            raise ValueError("a config name has 1 to 253 characters")
        if text.startswith("."):
            raise ValueError("a config name does not start with a dot")
        if found := cls._FORBIDDEN.search(text):
            raise ValueError(f"a config name has no {found.group()!r}")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise ValueError("a config name is valid Unicode")
        return super().__new__(cls, text)


class AbsolutePath(str):
    """An absolute, normal path: no NUL, no ``..``, no doubled or trailing slash.

    Raises:
        ValueError: with the sentence to show.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> AbsolutePath:
        """Checks and normalizes."""
        if "\0" in text:
            raise ValueError("a path has no NUL character")
        if not text.startswith("/"):
            raise ValueError("an absolute path, starting with /, is needed")
        if ".." in text.split("/"):
            raise ValueError("a path has no .. component")
        return super().__new__(cls, "/" + os.path.normpath(text).lstrip("/"))

    @property
    def parent(self) -> AbsolutePath:
        """The directory that holds it."""
        return AbsolutePath(os.path.dirname(self))

    @property
    def name(self) -> str:
        """The last component."""
        return os.path.basename(self)


class Secret:
    """A text that must not be shown; only `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the wire only."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(hidden)"


class EncryptionKey:
    """An AES-256 key: 32 bytes, written as exactly 64 hex characters.

    Raises:
        ValueError: never quoting the text.
    """

    __slots__ = ("_raw",)
    _HEX = re.compile(r"[0-9A-Fa-f]{64}")

    def __init__(self, text: str) -> None:
        if not self._HEX.fullmatch(text):
            raise ValueError(f"a key is exactly 64 hex characters (32 bytes); this one has {len(text)} characters")
        self._raw = bytes.fromhex(text)

    @property
    def raw(self) -> bytes:
        """The 32 bytes: for the cipher only."""
        return self._raw

    @property
    def fingerprint(self) -> str:
        """Eight hex characters that tell keys apart and reveal nothing of a random key."""
        return hashlib.blake2b(self._raw, digest_size=4, person=b"cs-key-id").hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncryptionKey) and other._raw == self._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"EncryptionKey({self.fingerprint})"


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number in its source spelling (``1.10``, ``1e3``, 30 digits); it never passes through a float."""

    text: str


JsonValue: TypeAlias = "None | bool | Number | str | list[JsonValue] | dict[str, JsonValue]"


@dataclass(frozen=True, slots=True)
class Document:
    """A decrypted config: the parsed JSON and the exact bytes it came from. `repr` shows neither."""

    raw: bytes = field(repr=False)
    value: JsonValue = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether it is ``{}`` or ``[]``."""
        return isinstance(self.value, (dict, list)) and not self.value


@dataclass(frozen=True, slots=True)
class ConfigRef:
    """Which document: a name, an environment, and a pinned version if one is asked for."""

    name: ConfigName
    environment: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """What a stream said of a change: a hint for lag detection, logs and status; never the truth.

    `timestamp` is Unix time in seconds.
    """

    config: str
    version: int | None = None
    changed_by: int | None = None
    timestamp: float | None = None


class Format(Protocol):
    """How a document becomes bytes: a pure function with its options bound (one file each under ``formats/``)."""

    @property
    def name(self) -> str:
        """The word in the settings: ``json``, ``yaml``, ``env``, ``template``."""
        ...

    def render(self, document: Document) -> bytes:
        """The file's whole content. Raises RenderRefused, naming the JSON pointer and never the value."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file's wanted content."""

    content: bytes = field(repr=False)
    digest: Digest


class SymlinkPolicy(enum.Enum):
    """What the writer does with a symbolic link on the way or at the end."""

    FOLLOW_TRUSTED = "follow-trusted"
    REFUSE = "refuse"


class Durability(enum.Enum):
    """Whether success promises to survive a power cut."""

    FULL = "full"
    NONE = "none"


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


@dataclass(frozen=True, slots=True)
class Validate:
    """The consumer's own checker. `argv` holds placeholders; it runs at most `timeout_s` seconds.

    `in_place`: for checkers that can only see the published file (``nginx -t``): publish, run, put the old bytes
    back before any reload if it fails.
    """

    argv: tuple[str, ...]
    timeout_s: float = 30.0
    in_place: bool = False


class ConsumerAbsent(enum.Enum):
    """What a reload kind does on the first sync under ``on_first_sync: auto``."""

    SKIPS = "skips"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class ReloadOrder:
    """Everything a reload may know: the story of one change, with no value in it.

    Times are Unix seconds. `files` are the published paths, `changed` those of them that this change wrote.
    """

    target: str
    files: tuple[AbsolutePath, ...]
    changed: tuple[AbsolutePath, ...]
    reason: str
    attempt: int = 1
    version: int | None = None
    previous_version: int | None = None
    changed_by: int | None = None
    written_at: float | None = None
    forced: bool = False
    """An operator asked (``reload TARGET``): told even when the consumer started after the write."""


class ReloadResult(enum.Enum):
    """How telling the consumer ended, when it did not fail."""

    RELOADED = "Reloaded"
    ALREADY_CURRENT = "AlreadyCurrent"
    """The consumer started after the write: it has read it."""
    WAITING_FOR_CONSUMER = "WaitingForConsumer"
    """It is not running: it will read the file when it starts."""
    OWN_UNIT = "OwnUnit"
    """The unit is the agent's own, which is never reloaded by itself."""


class StopSignal(Protocol):
    """What a wait needs to know of `config_sync.stop.Stop`."""

    def is_set(self) -> bool:
        """Whether everything that waits must end."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable once set."""
        ...


class Reload(Protocol):
    """One way to tell a consumer (one file each under ``reloads/``)."""

    @property
    def kind(self) -> str:
        """The word in the settings: ``systemd``, ``signal``, ``command`` …"""
        ...

    def describe(self) -> str:
        """What it does, for logs and status: ``SIGHUP to the pid in /run/nginx.pid``."""
        ...

    def run(self, order: ReloadOrder, stop: StopSignal) -> ReloadResult:
        """Tell the consumer and wait for the outcome. Raises ReloadFailed, Stopped."""
        ...


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

    @property
    def configs(self) -> tuple[ConfigRef, ...]:
        """The documents it is made of, each once, in settings order."""
        return tuple(dict.fromkeys(spec.source for spec in self.files))


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is at the path."""


@dataclass(frozen=True, slots=True)
class Present:
    """A regular file is at the path. `mode` holds the permission bits only; `has_acl` an extended access ACL."""

    digest: Digest
    mode: int
    uid: int
    gid: int
    size: int
    has_acl: bool = False


FileState: TypeAlias = Missing | Present


@dataclass(frozen=True, slots=True)
class Attempt:
    """A publish under way or a reload still owed, saved before the first file changes.

    `digests` maps a path to what is being published there; `kept` maps it to the hidden hard link that holds the
    replaced file (absent where nothing was replaced); `is_checked`: an ``in_place`` validation, if any, has passed.
    """

    digests: Mapping[str, Digest]
    kept: Mapping[str, str]
    is_checked: bool = True
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """The durable memory of one target; times are Unix seconds.

    `written`: path to digest, what *we* put there or adopted. `reloaded`: the same, as the consumer was last told.
    """

    written: Mapping[str, Digest] = field(default_factory=dict)
    reloaded: Mapping[str, Digest] = field(default_factory=dict)
    attempting: Attempt | None = None
    version: int | None = None
    previous_version: int | None = None
    revision: str | None = None
    changed_by: int | None = None
    saved_at: float | None = None
    written_at: float | None = None
    reloaded_at: float | None = None
    current_as_of: float | None = None

    @property
    def reload_owed(self) -> bool:
        """Whether the consumer has not been told of what is on disk."""
        return self.attempting is not None or dict(self.written) != dict(self.reloaded)


class Result(enum.Enum):
    """What a pass did to the disk."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one pass over one target ended. Exactly one of a `FAILED` result and ``error is None`` holds."""

    target: str
    result: Result
    reason: str
    took_s: float
    error: SyncError | None = None
    reload: ReloadResult | None = None
    wrote: tuple[AbsolutePath, ...] = ()

    @property
    def retry(self) -> Retry | None:
        """How to try again, if it failed."""
        return self.error.retry if self.error is not None else None


class ConditionType(enum.Enum):
    """The standing statements about a target."""

    SYNCED = "Synced"
    RELOADED = "Reloaded"
    CONNECTED = "Connected"


class Truth(enum.Enum):
    """Kubernetes' three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """A standing statement with its reason; `since` is Unix time in seconds of the last change of `status`."""

    type: ConditionType
    status: Truth
    reason: str
    message: str
    since: float
