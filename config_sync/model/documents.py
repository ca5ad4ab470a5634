"""What the service has: configs, their documents, and how a document becomes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from config_sync.model.names import ConfigName, Digest


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number in its source spelling (``1.10``, ``1e3``, 30 digits); it never passes through a float."""

    text: str


JsonValue: TypeAlias = "None | bool | Number | str | list[JsonValue] | dict[str, JsonValue]"


@dataclass(frozen=True, slots=True)
class Document:
    """A decrypted config, or what was made of some: the parsed JSON and its exact bytes. `repr` shows neither.

    `configs` holds, for templates, the whole documents that it was made of, by the names of their configs.
    """

    raw: bytes = field(repr=False)
    value: JsonValue = field(repr=False)
    configs: Mapping[str, JsonValue] = field(default_factory=dict, repr=False, compare=False)

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

    @property
    def label(self) -> str:
        """For records and messages: ``my-service``, ``my-service/prod version 7``; no name has a slash."""
        environment = f"/{self.environment}" if self.environment is not None else ""
        return f"{self.name}{environment}" + (f" version {self.version}" if self.version is not None else "")


@dataclass(frozen=True, slots=True)
class Part:
    """One of the configs that a file is made of. `is_optional`: the service need not have it."""

    ref: ConfigRef
    is_optional: bool = False


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


@runtime_checkable
class SetFormat(Format, Protocol):
    """A format that makes a directory of files: one for each of the `keys` of a document."""

    def keys(self, document: Document) -> tuple[str, ...]:
        """The base names of the files. Raises RenderRefused."""
        ...

    def for_key(self, key: str) -> Format:
        """How the one of that name is made."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file's wanted content."""

    content: bytes = field(repr=False)
    digest: Digest
