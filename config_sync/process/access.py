"""Whether a user can read a file that is or will be at a path: modes and ACLs of the way, as the kernel decides."""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass

_EXECUTE, _READ = 1, 4
_ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
"""Tags of an entry (linux/posix_acl.h)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A user as a program has it. `uid` None: one that is made when the program starts, and owns nothing."""

    name: str
    uid: int | None
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Look:
    """Of one thing on the way: owner, group, mode, and its ACL as the kernel keeps it."""

    uid: int
    gid: int
    mode: int
    acl: bytes = b""


def barrier(reader: Reader, path: str, file: Look) -> str | None:
    """The first thing on the way that keeps `reader` from the file: a directory, or `path` itself; None: nothing.

    `file` is how the file looks or will look. Links of the directory are followed. What cannot be looked at, or is not
    there yet, is no barrier.
    """
    if reader.uid == 0:
        return None
    here = "/"
    for part in ["", *os.path.realpath(os.path.dirname(path)).split("/")[1:]]:
        here = os.path.join(here, part) if part else "/"
        found = _look(here)
        if found is not None and not may(reader, found, _EXECUTE):
            return here
    return None if may(reader, file, _READ) else path


def may(reader: Reader, found: Look, wanted: int) -> bool:
    """Whether it has the rights: `wanted` is 1 to enter or run, 2 to write, 4 to read (acl(5), "ACCESS CHECK")."""
    bits = stat.S_IMODE(found.mode)
    if found.uid == reader.uid:
        return bits >> 6 & wanted == wanted
    # Where the group class has no right at all Linux does not look at the ACL (fs/namei.c, acl_permission_check).
    entries = _entries(found.acl) if bits & 0o070 else []
    mask = next((perm for tag, perm, _ in entries if tag == _MASK), 7)
    for tag, perm, who in entries:
        if tag == _USER and who == reader.uid:
            return perm & mask & wanted == wanted
    of_group = next((perm for tag, perm, _ in entries if tag == _GROUP_OBJ), bits >> 3)
    groups = [of_group] if found.gid in reader.gids else []
    groups += [perm for tag, perm, who in entries if tag == _GROUP and who in reader.gids]
    if groups:
        return any(perm & mask & wanted == wanted for perm in groups)
    return bits & wanted == wanted


def _look(path: str) -> Look | None:
    try:
        info = os.stat(path)
        try:
            acl = os.getxattr(path, _ACL)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                raise
            acl = b""
    except OSError:
        return None
    return Look(info.st_uid, info.st_gid, info.st_mode, acl)


def _entries(acl: bytes) -> list[tuple[int, int, int]]:
    """Tag, rights and id of each entry; version 2, little endian (linux/posix_acl_xattr.h)."""
    if len(acl) < 4 or struct.unpack_from("<I", acl) != (2,):
        return []
    return [struct.unpack_from("<HHI", acl, at) for at in range(4, len(acl) - 7, 8)]
