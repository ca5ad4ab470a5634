"""What `check` says of a target's files: can the agent write them as the settings want, with the rights it has now."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from config_sync.cli.finding import Finding
from config_sync.errors import Exit
from config_sync.model import FileSpec, WriteMode
from config_sync.process.capabilities import Capability, has_capability
from config_sync.process.sandbox import Sandbox, is_mount_point


def of_file(name: str, spec: FileSpec, sandbox: Sandbox) -> Iterator[Finding]:
    """Everything that stands in the way of the file, or will."""
    where = f"targets.{name}: {spec.path}"
    parent = spec.directory
    yield from _of_ids(where, spec, sandbox)
    try:
        at_parent = os.stat(parent)
    except FileNotFoundError:
        if not spec.create_parents:
            made = " (`systemd-tmpfiles --create` makes those that install-systemd named)" if sandbox.is_unit else ""
            yield Finding(
                where,
                f"{parent} does not exist",
                f"create it{made}, mount its volume there, or set 'create_parents: true'",
            )
        return
    except OSError as error:
        yield Finding(where, f"{parent}: {error.strerror}", exit_code=Exit.WRITE)
        return
    if not stat.S_ISDIR(at_parent.st_mode):
        yield Finding(where, f"{parent} is not a directory", "correct the path", Exit.WRITE)
        return
    is_mounted = not spec.is_set and is_mount_point(spec.path)
    if is_mounted and spec.write is WriteMode.IN_PLACE:  # its directory is not touched
        yield from _of_mounted(where, spec.path)
        return
    if not is_mounted:  # which tells more than its directory, a read-only root's say
        yield from _of_directory(where, parent, sandbox)
    if not spec.is_set:
        yield from _of_destination(where, spec)


def _of_ids(where: str, spec: FileSpec, sandbox: Sandbox) -> Iterator[Finding]:
    may_chown = has_capability(Capability.CHOWN) and not sandbox.hides_users
    if spec.uid is not None and spec.uid != os.geteuid() and not may_chown:
        yield Finding(
            where,
            f"uid {os.geteuid()} cannot give the file to uid {spec.uid}: that takes CAP_CHOWN",
            "leave 'owner' out and use 'group', or grant CAP_CHOWN (systemd: the drop-in any-owner.conf)",
            Exit.SETTINGS,
        )
    if spec.gid is None or may_chown or _may_give_to(spec.gid, spec.directory, sandbox):
        return
    if sandbox.hides_users:
        said = f"group {spec.gid} is unknown inside this unit (PrivateUsers=yes), so no file can be given to it"
    else:
        said = f"uid {os.geteuid()} is not in group {spec.gid} and cannot give the file to it"
    yield Finding(
        where,
        said,
        "let a setgid directory give it, with 'group' left out; or add the agent's user to the group (systemd: the"
        " drop-in group-owner.conf with SupplementaryGroups=)",
        Exit.SETTINGS,
    )


def _of_directory(where: str, parent: str, sandbox: Sandbox) -> Iterator[Finding]:
    if os.access(parent, os.W_OK | os.X_OK):
        return
    if _is_read_only(parent):
        hint = "mount it writable (in a container, a volume there)"
        if sandbox.is_unit:
            hint = f"a drop-in with ReadWritePaths={parent}, then a restart: it must be there when the unit starts"
        yield Finding(where, f"{parent} is on a read-only file system here", hint, Exit.WRITE)
        return
    yield Finding(
        where,
        f"uid {os.geteuid()} cannot write in {parent}",
        "a file is replaced by renaming, so its directory must be writable for the agent's user (in a pod: fsGroup)",
        Exit.WRITE,
    )


def _of_mounted(where: str, path: str) -> Iterator[Finding]:
    if not os.access(path, os.W_OK):
        yield Finding(
            where,
            f"uid {os.geteuid()} cannot write the file that is mounted there",
            "its mode and its mount must let the agent's user write",
            Exit.WRITE,
        )


def _is_read_only(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError as error:
        return error.errno == errno.EROFS


def _of_destination(where: str, spec: FileSpec) -> Iterator[Finding]:
    try:
        found = os.lstat(spec.path)
    except FileNotFoundError:
        yield Finding(where, "is not there yet")
        return
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        yield Finding(where, "is not a regular file", "remove it, or correct the path", Exit.WRITE)
    elif spec.write is WriteMode.ATOMIC and is_mount_point(spec.path):
        yield Finding(
            where,
            "is a mount point: it cannot be replaced by renaming",
            "mount the directory instead of the single file, or set `write: in_place` (not atomic)",
            Exit.WRITE,
        )


def _may_give_to(gid: int, directory: str, sandbox: Sandbox) -> bool:
    """Whether a new file can have the group: one of ours, or the one that a setgid directory gives by itself."""
    if gid == os.getegid() or (gid in os.getgroups() and not sandbox.hides_users):
        return True
    try:
        found = os.stat(directory)
    except OSError:
        return False
    return bool(found.st_mode & stat.S_ISGID) and found.st_gid == gid
