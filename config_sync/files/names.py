"""The names of what we put beside a destination: hidden, unique, recognizable as ours, and never those of a user.

They start with a dot and end in ``.tmp``, ``.old``, ``.stage`` or ``.link``, or are a generation, ``..g`` and hex
characters, so that no include pattern such as ``*.conf`` finds them. Random, never fixed: a fixed name
left by a crash would block every later write.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re

OURS = ".config-sync-"
"""What all but generations begin with."""
TEMP = re.compile(r"\.config-sync-[0-9a-f]{8}-[0-9a-f]{16}\.tmp")
KEPT = re.compile(r"\.config-sync-[0-9a-f]{8}-[0-9a-f]{16}\.old")
STAGE = re.compile(r"\.config-sync-[0-9a-f]{16}\.stage")
SWITCH = re.compile(r"\.config-sync-[0-9a-f]{8}-[0-9a-f]{16}\.link")
"""A link that is about to be renamed over another name."""
GENERATION = re.compile(r"\.\.g[0-9a-f]{16}")
DATA = "..data"
"""The one link that says which generation a directory shows (the name that kubelet's volumes use as well)."""


@functools.lru_cache(maxsize=1024)
def tag(name: str) -> str:
    """Eight hex characters that stand for a destination's base name."""
    return hashlib.blake2b(os.fsencode(name), digest_size=4, person=b"cs-file-name").hexdigest()


def new_temp(name: str) -> str:
    """A fresh name for the file that will become `name`."""
    return f".config-sync-{tag(name)}-{os.urandom(8).hex()}.tmp"


def new_kept(name: str) -> str:
    """A fresh name for the link that holds the file that `name` was."""
    return f".config-sync-{tag(name)}-{os.urandom(8).hex()}.old"


def new_stage() -> str:
    """A fresh name for a directory of staged copies."""
    return f".config-sync-{os.urandom(8).hex()}.stage"


def new_switch(name: str) -> str:
    """A fresh name for the link that will become `name`."""
    return f".config-sync-{tag(name)}-{os.urandom(8).hex()}.link"


def new_generation() -> str:
    """A fresh name for a directory that holds all files of a set."""
    return f"..g{os.urandom(8).hex()}"


def link_text(name: str) -> str:
    """Where the link `name` of a set points."""
    return f"{DATA}/{name}"


def is_temp_of(entry: str, name: str) -> bool:
    """Whether `entry` is a temp of the destination `name`."""
    return TEMP.fullmatch(entry) is not None and entry.startswith(f".config-sync-{tag(name)}-")


def is_kept_of(entry: str, name: str) -> bool:
    """Whether `entry` is a kept file of the destination `name`."""
    return KEPT.fullmatch(entry) is not None and entry.startswith(f".config-sync-{tag(name)}-")
