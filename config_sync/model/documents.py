"""What the service has: configs, their documents, and how a document becomes bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from config_sync.model.names import ConfigName, Digest


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
