"""The files format: a directory with one file for each member of an object, as a volume of secrets is.

A file holds the exact bytes of its string, and no newline is added: a password is not read with one more character.
Numbers stand as spelled, ``true`` and ``false`` as such, arrays and objects as compact JSON; null is no file, as it is
no variable in an environment file. A member's name is the file's name as it stands, and must be one that a volume of
Kubernetes takes too: letters, digits, ``_ . -``, at most 253 characters, with no ``..`` in front.

The whole set is switched at once (``layout: directory``), so `FilesFormat` renders nothing by itself: whoever makes the
files asks for the `keys` of a document, and for the format of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from config_sync.document import kind_of, show
from config_sync.errors import RenderRefused
from config_sync.fields import Values
from config_sync.formats.flatten import short, text_of
from config_sync.formats.kind import FormatKind, SourceReader, refused
from config_sync.model import Document, Format, JsonValue

MAX_NAME = 253
"""Of a key of a Secret (Kubernetes, IsConfigMapKey); Linux takes 255 bytes."""
_NAME = re.compile(r"(?!\.\.)[A-Za-z0-9_.-]+")
_OURS = ".config-sync-"
"""What the writer's own hidden files begin with: a leftover of that name would be swept."""
_CAN_CARRY = "format: json and format: yaml can carry it"


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """One member of the object as the whole file."""

    key: str

    @property
    def name(self) -> str:
        """``files``."""
        return "files"

    def render(self, document: Document) -> bytes:
        """The member's bytes. Raises RenderRefused where there is no such member."""
        value = _members(document).get(self.key)
        if value is None:
            raise refused((self.key,), f"{show((self.key,))} gives no file")
        return text_of(value).encode("utf-8")


@dataclass(frozen=True, slots=True)
class FilesFormat:
    """An object as a directory."""

    @property
    def name(self) -> str:
        """``files``."""
        return "files"

    def keys(self, document: Document) -> tuple[str, ...]:
        """The names of the files, in document order.

        Raises:
            RenderRefused: the top is no object, or a member's name is no file name; null or not.
        """
        members = _members(document)
        for key in members:
            why = _why_no_name(key)
            if why is not None:
                raise refused((key,), f"{show((key,))} gives no file: {why}", hint=f"rename it; {_CAN_CARRY}")
        return tuple(key for key, value in members.items() if value is not None)

    def for_key(self, key: str) -> Format:
        """How the one file is made."""
        return KeyFormat(key)

    def render(self, document: Document) -> bytes:
        """Nothing: a set has no bytes of its own. Raises RenderRefused."""
        self.keys(document)
        raise RenderRefused("the format files makes a directory, not one file", hint=_CAN_CARRY)


def _members(document: Document) -> dict[str, JsonValue]:
    value = document.value
    if isinstance(value, dict):
        return value
    message = f"the format files needs an object at the top of the document, not {kind_of(value)}"
    raise refused((), message, hint=_CAN_CARRY)


def _why_no_name(key: str) -> str | None:
    """Why a member's name is no name of a file; None: it is one."""
    if not key:
        return "an empty key is no file name"
    if _NAME.fullmatch(key) is None or key == ".":
        return "a file name has letters, digits, _ . and - only, and does not begin with .."
    if len(key) > MAX_NAME:
        return f"{short(key)!r} is longer than {MAX_NAME} characters"
    return f"names that begin with {_OURS} are kept for files of our own" if key.startswith(_OURS) else None


def _build(_values: Values, _read: SourceReader) -> FilesFormat:
    return FilesFormat()


FILES = FormatKind(
    name="files",
    suffixes=(),
    fields=(),
    build=_build,
    doc="a directory with one file a key, as a volume of secrets",
)
