"""What identifies and what must not be shown: parsed at the border into types that cannot be wrong."""

from __future__ import annotations

import hashlib
import os.path
import re
from typing import NewType

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
