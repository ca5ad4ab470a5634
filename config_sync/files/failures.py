"""From an errno at a step to one sentence that says who must act.

The same errno means different things at different steps: EPERM at `fchown` is a missing capability, at `rename` a
sticky or immutable directory. So both go into the sentence and the hint.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from types import TracebackType

from config_sync.errors import FileError

_DENIED = (errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What an errno means, whatever the step."""

    reason: str
    says: str
    hint: str | None = None
    transient: bool = False


_MEANINGS: dict[int, _Meaning] = {
    errno.ENOSPC: _Meaning("NoSpace", "no space is left on the file system", "free space or inodes there", True),
    errno.EDQUOT: _Meaning("NoSpace", "the disk quota is used up", "raise the quota or free space there", True),
    errno.EBUSY: _Meaning(
        "BusyMount",
        "it is a mount point, which cannot be replaced",
        "mount the directory instead of the single file, or set `write: in_place` (not atomic)",
        True,
    ),
    errno.EROFS: _Meaning(
        "ReadOnly",
        "the file system is mounted read-only",
        "mount it writable (in a container, a volume there); in a unit name the directory in ReadWritePaths= and"
        " restart: it must be there at the start",
    ),
    errno.ENOENT: _Meaning("Interfered", "something else removed our temporary file", None, True),
    errno.ESTALE: _Meaning("Interfered", "something else replaced what we were working on", None, True),
    errno.EISDIR: _Meaning("NotRegularFile", "it is a directory", "remove it or name another path"),
    errno.ENOTDIR: _Meaning("NotADirectory", "a part of the path is not a directory", "name another path"),
    errno.ELOOP: _Meaning("UntrustedLink", "the path leads through too many links", "name the real path"),
    errno.EMFILE: _Meaning("TooManyFiles", "this process has too many open files", "raise LimitNOFILE=", True),
    errno.ENFILE: _Meaning("TooManyFiles", "the machine has too many open files", "raise fs.file-max", True),
    errno.EIO: _Meaning("IoError", "the storage reported an input/output error", "look at the kernel log (dmesg)"),
    errno.EFBIG: _Meaning("FileTooLarge", "it is over the file size limit", "raise LimitFSIZE="),
    errno.ENAMETOOLONG: _Meaning("NameTooLong", "the name is too long for the file system", "name a shorter path"),
}


def failure(error: OSError, path: str, step: str, *, wanted: tuple[int | None, int | None] = (None, None)) -> FileError:
    """The FileError of a call that failed at `step` for the destination `path`; `wanted` is (uid, gid) of the file."""
    number = error.errno or 0
    if number in _DENIED:
        return _denied(number, path, step, wanted)
    if number == errno.ENOENT and step in ("open", "mkdir", "walk", "readdir"):
        known = _Meaning("DirectoryMissing", "its directory is not there", "create it, or set 'create_parents: true'")
    else:
        known = _MEANINGS.get(number) or _Meaning("WriteFailed", os.strerror(number) if number else str(error))
    return FileError(
        f"{path}: {known.says} ({_named(number)} at {step})",
        hint=known.hint,
        errno=number or None,
        step=step,
        reason=known.reason,
        transient=known.transient,
    )


def _denied(number: int, path: str, step: str, wanted: tuple[int | None, int | None]) -> FileError:
    """Who may not do what, and what would allow it."""
    uid, parent = os.geteuid(), os.path.dirname(path)
    match step:
        case "fchown":
            owner, group = wanted
            whom = " and ".join([f"owner {owner}"] * (owner is not None) + [f"group {group}"] * (group is not None))
            says = f"uid {uid} may not give it to {whom or 'another owner'}: the capability CAP_CHOWN is missing"
            hint = "grant CAP_CHOWN, make the agent a member of the group, or leave owner and group out"
        case "fchmod" if wanted[0] is not None:
            says = f"uid {uid} may not set the mode of a file that it gave to owner {wanted[0]}: CAP_FOWNER is missing"
            hint = "grant CAP_FOWNER beside CAP_CHOWN, or leave the owner out"
        case "fchmod" | "removexattr":
            says, hint = f"uid {uid} may not change the mode or ACL of its own file here", "look at the mount's options"
        case "walk":
            says, hint = f"uid {uid} may not enter a directory of the path", "grant it search permission (x)"
        case "readdir":
            says, hint = f"uid {uid} may not read the directory {parent}", f"grant it rwx on {parent}"
        case "read":
            says, hint = f"uid {uid} may not read it", "grant it read permission"
        case "overwrite":
            says, hint = f"uid {uid} may not write to it", "grant it write permission, or leave `write: in_place` out"
        case "rename" | "unlink" | "link":
            says = f"uid {uid} may not replace it: it belongs to another user in a sticky directory, or it is immutable"
            hint = f"look at `ls -ld {parent}` and `lsattr -d {path} {parent}`"
        case _:
            says = f"uid {uid} may not write in the directory {parent}"
            hint = f"grant it write permission, for example: chgrp GROUP {parent} && chmod g+ws {parent}"
    return FileError(
        f"{path}: {says} ({_named(number)} at {step})", hint=hint, errno=number, step=step, reason="PermissionDenied"
    )


def refusal(path: str, says: str, *, reason: str, step: str, hint: str | None = None) -> FileError:
    """The FileError of something that we found and will not touch."""
    return FileError(f"{path}: {says}", hint=hint, step=step, reason=reason)


class step:  # noqa: N801 - reads as the verb it is; a class, since a generator costs three times as much
    """Names the step: an OSError inside becomes the FileError of `path` at it."""

    __slots__ = ("_name", "_path", "_wanted")

    def __init__(self, name: str, path: str, *, wanted: tuple[int | None, int | None] = (None, None)) -> None:
        self._name, self._path, self._wanted = name, path, wanted

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, OSError):
            raise failure(error, self._path, self._name, wanted=self._wanted) from error


def _named(number: int) -> str:
    """``ENOSPC`` for 28."""
    return errno.errorcode.get(number, f"errno {number}")
