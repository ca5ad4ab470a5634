"""Where a secret text may come from, and the two readings of such a text: a token, or encryption keys.

A source is read anew at every call, so that a rotation is seen at the next request. Messages name the source and the
kind of fault; no part of the content is ever in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from config_sync.errors import CredentialError
from config_sync.fields import Kind
from config_sync.model import AbsolutePath, EncryptionKey, Secret

MAX_BYTES = 64 * 1024
"""Of one source: far above any token, far below what a wrong path (a log, a device) could pour in."""
MAX_TOKEN_CHARACTERS = 8 * 1024
"""Servers refuse longer header lines (nginx 8 KiB by default, uvicorn 64 KiB for all of them)."""
MAX_KEYS = 16
"""Each is tried on each answer; a rotation needs two."""


class Source(Protocol):
    """One place that holds a secret text."""

    def is_offered(self) -> bool:
        """Whether it is there at all: what the default order asks. An unreadable file is there."""
        ...

    def read_text(self) -> str:
        """The text as it stands now. Raises CredentialError."""
        ...

    def describe(self) -> str:
        """Its name for messages and logs: ``file /run/secrets/token``."""
        ...

    def watch_path(self) -> AbsolutePath | None:
        """The file whose change means a new content; None where only a restart brings one."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A word in the settings (``{file: PATH}``), what follows it, and how that becomes a source."""

    key: str
    kind: Kind[str]
    build: Callable[[str, Mapping[str, str]], Source]
    doc: str


@dataclass(frozen=True, slots=True)
class FirstOffered:
    """The first source that is there, looked for anew at every call. `what` names the secret: ``service token``."""

    what: str
    sources: tuple[Source, ...]

    def is_offered(self) -> bool:
        """Whether any is."""
        return any(source.is_offered() for source in self.sources)

    def read_text(self) -> str:
        """The text of the first that is there. Raises CredentialError, also when none is."""
        return self._first().read_text()

    def describe(self) -> str:
        """The one that would be read now, or all that were looked for."""
        for source in self.sources:
            if source.is_offered():
                return source.describe()
        return "none of " + ", ".join(source.describe() for source in self.sources)

    def watch_path(self) -> AbsolutePath | None:
        """Of the one that would be read now."""
        for source in self.sources:
            if source.is_offered():
                return source.watch_path()
        return None

    def _first(self) -> Source:
        for source in self.sources:
            if source.is_offered():
                return source
        places = ", ".join(source.describe() for source in self.sources)
        raise CredentialError(f"no {self.what}: looked for {places}", hint="provide one of them")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The service token."""

    source: Source

    def read(self) -> Secret:
        """One line of visible ASCII, fit for a header (RFC 9110 5.5).

        Raises:
            CredentialError: missing, unreadable, empty, more than one line, or a character a header cannot carry.
        """
        text = self.source.read_text().rstrip("\r\n")
        where = f"the service token ({self.source.describe()})"
        if not text:
            raise CredentialError(f"{where} is empty")
        if "\n" in text or "\r" in text:
            raise CredentialError(f"{where} is not one line", hint="a token is one line; a last line end is fine")
        if len(text) > MAX_TOKEN_CHARACTERS:
            raise CredentialError(f"{where} has {len(text)} characters; at most {MAX_TOKEN_CHARACTERS} fit a header")
        if found := re.search(r"[^\x21-\x7e]", text):
            kind = _kind_of(found.group())
            raise CredentialError(
                f"{where} has {kind} at character {found.start() + 1}; only visible ASCII can be sent",
                hint="check for a byte order mark, quotes or blanks around the token",
            )
        return Secret(text)

    def describe(self) -> str:
        """The name of the source."""
        return self.source.describe()

    def watch_path(self) -> AbsolutePath | None:
        """The file to watch for changes, if the source is one."""
        return self.source.watch_path()


@dataclass(frozen=True, slots=True)
class KeySource:
    """The encryption keys: one a line, newest first (during a rotation there are two)."""

    source: Source

    def read(self) -> tuple[EncryptionKey, ...]:
        """At least one key, each once, in source order; blank lines do not count.

        Raises:
            CredentialError: missing, unreadable, empty, too many, or a line that is no key.
        """
        lines = [line.strip(" \t\r") for line in self.source.read_text().split("\n")]
        lines = [line for line in lines if line]
        where = f"the encryption key ({self.source.describe()})"
        if not lines:
            raise CredentialError(f"{where} is empty", hint="a key is 64 hex characters")
        if len(lines) > MAX_KEYS:
            raise CredentialError(f"{where} has {len(lines)} lines; at most {MAX_KEYS} keys are tried")
        keys: list[EncryptionKey] = []
        for number, line in enumerate(lines, 1):
            try:
                keys.append(EncryptionKey(line))
            except ValueError:
                which = f", key {number} of {len(lines)}," if len(lines) > 1 else ""
                raise CredentialError(f"{where}{which} {_key_fault(line)}", hint=_key_hint(line)) from None
        return tuple(dict.fromkeys(keys))

    def describe(self) -> str:
        """The name of the source."""
        return self.source.describe()

    def watch_path(self) -> AbsolutePath | None:
        """The file to watch for changes, if the source is one."""
        return self.source.watch_path()


def _kind_of(character: str) -> str:
    if character in " \t":
        return "a blank"
    return "a control character" if ord(character) < 0x20 or ord(character) == 0x7F else "a non-ASCII character"


def _key_fault(line: str) -> str:
    if len(line) == 64:
        return "has a character that is no hex digit"
    return f"has {len(line)} characters; a key is exactly 64 hex characters (32 bytes)"


def _key_hint(line: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", line):
        return "this looks like Base64; hex is needed: base64 -d FILE | od -An -tx1 | tr -d ' \\n'"
    return "make one with: openssl rand -hex 32"
