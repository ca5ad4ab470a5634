"""What a service manager or a container keeps from this process, as the kernel shows it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from config_sync.process.capabilities import Capability, has_capability


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What is kept from the process.

    `is_unit`: systemd started it. `hides_users`: all others are `nobody` (user_namespaces(7)). `hides_processes`: /proc
    shows those of its own user only (proc(5), hidepid).
    """

    is_unit: bool = False
    hides_users: bool = False
    hides_processes: bool = False


def own_sandbox(*, is_unit: bool) -> Sandbox:
    """Of this process."""
    return Sandbox(
        is_unit=is_unit,
        hides_users=not maps_everybody(_text("/proc/self/uid_map")),
        hides_processes=is_hiding(_text("/proc/self/mounts")) and not has_capability(Capability.SYS_PTRACE),
    )


def maps_everybody(uid_map: str) -> bool:
    """Whether the map is that of the first user namespace: every id is itself."""
    return not uid_map or uid_map.split() == ["0", "0", "4294967295"]


def is_hiding(mounts: str) -> bool:
    """Whether /proc hides other users' processes (``hidepid=1`` hides only what is in them)."""
    last = [line.split()[3] for line in mounts.splitlines() if line.split()[1:2] == ["/proc"]]
    return bool(last) and re.search(r"\bhidepid=(2|4|invisible|ptraceable)\b", last[-1]) is not None


def is_mount_point(path: str) -> bool:
    """Whether something is mounted exactly there, also a single file.

    `os.path.ismount` compares devices, and on overlayfs, the root of containers, those of a file and its directory
    differ. Links on the way are followed.
    """
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return real in mount_points(_text("/proc/self/mountinfo"))


def mount_points(mountinfo: str) -> frozenset[str]:
    """Every mount point in ``/proc/self/mountinfo`` (proc(5)); blanks and backslashes stand there in octal."""
    fields = (line.split() for line in mountinfo.splitlines())
    return frozenset(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), one[4]) for one in fields if one[4:])


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # no /proc
        return ""
