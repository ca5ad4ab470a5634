"""Which of root's powers this process has, as the kernel sees it."""

from __future__ import annotations

import enum
import os


class Capability(enum.IntEnum):
    """Bits of ``CapEff`` (capabilities(7), linux/capability.h)."""

    CHOWN = 0
    KILL = 5
    SETGID = 6
    SETUID = 7
    SYS_PTRACE = 19


def has_capability(*wanted: Capability) -> bool:
    """Whether all of them are in force (proc_pid_status(5), CapEff)."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            found = next((int(line.split()[1], 16) for line in file if line.startswith("CapEff:")), 0)
    except OSError:  # no /proc
        return os.geteuid() == 0
    return all(found & (1 << one) for one in wanted)
