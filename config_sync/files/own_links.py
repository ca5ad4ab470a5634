"""The links of a directory layout, ``name -> ..data/name`` and ``..data -> ..g<random>``: told from all others.

They are relative, of one exact form, and lead to a directory beside them. So to read through them is safe whoever may
write to the directory: they lead nowhere else, and what was planted there is only compared. Nothing is ever written
through them.
"""

from __future__ import annotations

import enum
import os
import stat

from config_sync.files.calls import Calls
from config_sync.files.names import DATA, GENERATION, link_text

_LOOK = os.O_PATH | os.O_NOFOLLOW


class OwnLink(enum.Enum):
    """What a walk does at a link of a directory layout that is the destination itself."""

    AS_ANY = "as any"
    ENTER = "enter"
    """To the file in the generation: for reading only."""
    STOP = "stop"
    """The link is the place: for what replaces it, removes it or lies beside it."""


def link_at(calls: Calls, name: str, *, at: int) -> str | None:
    """Where the symbolic link `name` points; None: there is none, or something else. Raises OSError."""
    try:
        with calls.opened(name, _LOOK, at=at) as fd:
            return calls.readlink(fd) if stat.S_ISLNK(calls.fstat(fd).st_mode) else None
    except FileNotFoundError:
        return None


def is_own_link(calls: Calls, name: str, *, at: int) -> bool:
    """Whether `name` is a link of our directory layout, even if ``..data`` is gone. Raises OSError.

    Others use the same form (kubelet's volumes): where ``..data`` leads to something else, the link is theirs.
    """
    if link_at(calls, name, at=at) != link_text(name):
        return False
    target = link_at(calls, DATA, at=at)
    return target is None or GENERATION.fullmatch(target) is not None


def current_name(calls: Calls, *, at: int) -> str | None:
    """The name of the generation that ``..data`` shows; None: no link of ours is there. Raises OSError."""
    target = link_at(calls, DATA, at=at)
    return target if target is not None and GENERATION.fullmatch(target) else None


def opened_current(calls: Calls, *, at: int) -> tuple[int, str] | None:
    """The generation that ``..data`` shows, a descriptor opened with O_PATH, and its name. Raises OSError."""
    if (name := current_name(calls, at=at)) is None:
        return None
    try:
        return calls.open(name, _LOOK | os.O_DIRECTORY, at=at), name
    except (FileNotFoundError, NotADirectoryError):
        return None
