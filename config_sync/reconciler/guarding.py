"""``schema``: what a document must be, before anything is made of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from config_sync import schema_check
from config_sync.errors import SchemaRefused, SchemaUnusable
from config_sync.model import AbsolutePath, ConfigRef, Document, FileSpec, Target
from config_sync.reconciler.rendering import document_of
from config_sync.schema_check import BadSchema, Misfit, Schema

_MOST_TOLD = 5
_MAX_BYTES = 4 << 20
"""Of a schema: the same as of the settings."""


@dataclass(frozen=True, slots=True)
class _Version:
    """A file as it was at one moment: whatever is done to it moves its ctime."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Schemas:
    """The schemas that were read, each again when its file has changed. Shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[AbsolutePath, tuple[_Version, Schema]] = {}

    def guard(self, target: Target, documents: Mapping[ConfigRef, Document]) -> None:
        """Every document of the target fits: each config that a file is made of, or the merge of several, as a whole.

        `select` does not matter: it takes a part of a document, and the schema is about the document.

        Raises:
            SchemaRefused: one does not fit; names the places and the rules, never a value.
            SchemaUnusable: the schema cannot be read or understood.
        """
        if target.schema is None:
            return
        schema = self.schema(target.schema)
        seen: set[object] = set()
        for spec in target.files:
            whole = _whole(spec)
            if whole in seen:
                continue
            seen.add(whole)
            if found := schema.misfits(document_of(spec, documents, is_whole=True).value):
                raise _refusal(spec, target.schema, found)

    def schema(self, path: AbsolutePath) -> Schema:
        """The schema in the file, as that is now. Raises SchemaUnusable."""
        with self._lock:
            try:
                version, content = _read(path, self._known.get(path))
            except OSError as error:
                raise SchemaUnusable(
                    f"schema {path}: {error.strerror or error}", hint="name a file that config-sync may read"
                ) from error
            if content is None:
                return self._known[path][1]
            if not schema_check.is_available():
                raise SchemaUnusable(schema_check.MISSING)
            try:
                schema = Schema(content)
            except BadSchema as error:
                raise SchemaUnusable(
                    f"schema {path} cannot be used: {error}",
                    hint="JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12, in one file of JSON",
                ) from error
            self._known[path] = version, schema
            return schema


def _read(path: AbsolutePath, known: tuple[_Version, Schema] | None) -> tuple[_Version, bytes | None]:
    """The file's version and bytes; no bytes where it is still what is known. Raises OSError."""
    # Never waiting for a FIFO's writer.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        info = os.fstat(file.fileno())
        version = _Version(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        if known is not None and known[0] == version:
            return version, None
        content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise OSError(f"it is over {_MAX_BYTES >> 20} MiB")
        return version, content


def _whole(spec: FileSpec) -> object:
    """The same for files of the same document, whatever part of it they are made of."""
    return spec.parts, bool(spec.merge)


def _refusal(spec: FileSpec, path: AbsolutePath, found: tuple[Misfit, ...]) -> SchemaRefused:
    more = len(found) - _MOST_TOLD
    told = "; ".join(map(str, found[:_MOST_TOLD])) + (f"; and {more} more" if more > 0 else "")
    return SchemaRefused(
        f"{spec.whole} does not fit the schema {path}: {told}",
        hint="correct the config at the service, or the schema",
    )
