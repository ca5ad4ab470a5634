"""All processes of this machine that may be meant, by program or command line, and how they are related.

A process is looked at by ``/proc/PID/exe`` and ``/proc/PID/cmdline``: the name in ``comm`` is cut after 15 bytes. Left
out are this very process, everything it has started (hooks, checkers), kernel threads, what has ended, and what lives
in another PID namespace: a container's nginx is not the host's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

from config_sync.process.capabilities import Capability, has_capability

MAX_CMDLINE = 4096
"""Characters of a command line that are looked at: anyone may start a process with megabytes of arguments."""

_MAX_DEPTH = 1000
"""No chain of parents is longer; a pid that is used again while we walk could make a ring."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process at one moment. `cmdline`: its words, joined by blanks.

    `exe` is None where it may not be read: another user's process, without CAP_SYS_PTRACE (proc_pid_exe(5)).
    """

    pid: int
    parent: int
    exe: str | None
    cmdline: str
    comm: str


def processes() -> Iterator[Seen]:
    """Every process that may be meant."""
    own = os.getpid()
    parents: dict[int, int] = {}  # of this look: to read them anew for each process made it quadratic
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == own:
            continue
        seen = _look_at(int(name))
        if seen is None:
            continue
        parents[seen.pid] = seen.parent
        if own not in ancestors(seen.pid, parents):
            yield seen


def ancestors(pid: int, known: MutableMapping[int, int]) -> Iterator[int]:
    """The parents of a process, nearest first; `known` spares looking up those in it, and learns the others."""
    for _ in range(_MAX_DEPTH):
        if pid not in known:
            known[pid] = _parent_of(pid)
        pid = known[pid]
        if pid <= 0:
            return
        yield pid


def is_hiding_others() -> bool:
    """Whether ``/proc`` shows this process not all others: mounted with hidepid (proc(5); systemd's ProtectProc=)."""
    options = _options_of_proc()
    mode = options.get("hidepid", "0")
    if mode in ("0", "off") or has_capability(Capability.SYS_PTRACE):
        return False
    if mode in ("4", "ptraceable"):
        return True
    return int(options.get("gid", "0")) not in (os.getegid(), *os.getgroups())


def _look_at(pid: int) -> Seen | None:
    try:
        words = _read(f"/proc/{pid}/cmdline", MAX_CMDLINE)
        if not words.strip("\0"):
            return None  # a kernel thread, or dead
        stat = _read(f"/proc/{pid}/stat", 4096)
        if _is_elsewhere(pid):
            return None
        comm, _, rest = stat.partition("(")[2].rpartition(")")
        try:
            exe: str | None = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        except PermissionError:
            exe = None
    except OSError:  # ended meanwhile, or all of it is hidden (hidepid=1): see `is_hiding_others`
        return None
    return Seen(pid, int(rest.split()[1]), exe, words.strip("\0").replace("\0", " "), comm)


def _is_elsewhere(pid: int) -> bool:
    """Whether it has pids in more namespaces than the one this ``/proc`` shows."""
    for line in _read(f"/proc/{pid}/status", 65536).splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) > 2
    return False  # Linux before 4.1


def _parent_of(pid: int) -> int:
    try:
        return int(_read(f"/proc/{pid}/stat", 4096).rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _options_of_proc() -> dict[str, str]:
    """The options of the procfs that is seen at ``/proc``: the last mounted there (proc_pid_mountinfo(5))."""
    found: dict[str, str] = {}
    try:
        lines = _read("/proc/self/mountinfo", 1024 * 1024).splitlines()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split()[4] == "/proc" and after.split()[0] == "proc":
            found = {key: value for key, _, value in (one.partition("=") for one in after.split()[2].split(","))}
    return found


def _read(path: str, at_most: int) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read(at_most)
