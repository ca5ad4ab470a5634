"""What every output format declares about itself, and the words in which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, TypeAlias, runtime_checkable

from config_sync.document import Parts, pointer
from config_sync.errors import Problem, RenderRefused, SettingsError
from config_sync.fields import Field, Place, Values
from config_sync.model import AbsolutePath, Document, Format

SourceReader: TypeAlias = Callable[[AbsolutePath], str]
"""Reads a template's source. Formats do no I/O: the settings pass this in, and answer for its errors."""


@dataclass(frozen=True, slots=True)
class FormatKind:
    """One line of the table of formats.

    `suffixes` of a path choose the format where the settings do not. `fields` are its options. `build` binds them;
    it raises SettingsError with one `Problem` for what only shows when options are seen together, or in a source.
    `extra` names the extra of the package that brings `module`, where the format needs one.
    """

    name: str
    suffixes: tuple[str, ...]
    fields: tuple[Field[object], ...]
    build: Callable[[Values, SourceReader], Format]
    doc: str
    extra: str | None = None
    module: str | None = None

    @property
    def extra_missing(self) -> str | None:
        """The one line for an operator whose installation lacks the extra; None where all is there."""
        if self.module is None or find_spec(self.module) is not None:
            return None
        return f"format {self.name!r} needs an extra of config-sync: pip install 'config-sync[{self.extra}]'"


class NoSpelling(Exception):
    """A notation cannot carry a value; the message says why, never what the value is."""


@runtime_checkable
class Warns(Protocol):
    """A format that can say what may surprise the readers of a document it does not refuse."""

    def warnings(self, document: Document) -> tuple[str, ...]:
        """Sentences for an operator, with pointers and never a value. Raises what `render` raises."""
        ...


def warnings_of(bound: Format, document: Document) -> tuple[str, ...]:
    """What may surprise the readers of `document` in this format; empty for formats that never warn."""
    return bound.warnings(document) if isinstance(bound, Warns) else ()


def refused(parts: Parts, message: str, *, hint: str | None = None) -> RenderRefused:
    """The refusal of the value at `parts`; `message` names the place already."""
    return RenderRefused(message, pointer=pointer(parts), hint=hint)


def unusable(place: Place, message: str, *, hint: str | None = None) -> SettingsError:
    """What `build` raises: one problem at the place of an option."""
    problem = Problem(place.file, place.line, place.column, place.path, message, hint)
    return SettingsError(message, hint=hint, problems=(problem,))
