"""What the files of the cache are called: for `ls` by the config's name, for us by what follows it.

``my-service@prod.3f0c5a1be2d47788.00000007.9c1d2e3f4a5b``: the name, readable as far as file names allow; 16 hex
characters that stand for the exact reference; a number that grows; the revision. All of it is only where to look: what
a file is, its sealed header says.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from config_sync.model import ConfigRef

_READABLE = 100
"""Characters; a name of 253 may take three times as many when it is quoted, and a file name has 255 bytes."""
_NAME = re.compile(r"[^/]*\.(?P<shelf>[0-9a-f]{16})\.(?P<number>[0-9]{8,})\.(?P<revision>[0-9a-f]{1,64})")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache, as far as its name tells. `shelf` stands for the config."""

    name: str
    shelf: str
    number: int
    revision: str


def shelf_of(ref: ConfigRef) -> str:
    """16 hex characters that stand for the exact reference."""
    exact = json.dumps([ref.name, ref.environment, ref.version])
    return hashlib.blake2b(exact.encode(), digest_size=8, person=b"cs-cache-shelf").hexdigest()


def entry_for(ref: ConfigRef, number: int, revision: str) -> Entry:
    """The file for one revision of `ref`."""
    environment = f"@{ref.environment}" if ref.environment is not None else ""
    pinned = f"@{ref.version}" if ref.version is not None else ""
    readable = quote(f"{ref.name}{environment}{pinned}", safe="@")[:_READABLE]
    shelf = shelf_of(ref)
    return Entry(f"{readable}.{shelf}.{number:08d}.{revision}", shelf, number, revision)


def parsed(name: str) -> Entry | None:
    """The entry that a file of the directory is; None: it is no file of ours."""
    found = _NAME.fullmatch(name)
    return Entry(name, found["shelf"], int(found["number"]), found["revision"]) if found is not None else None
