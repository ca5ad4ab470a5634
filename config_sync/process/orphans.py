"""What process 1 of a container owes: to reap those whose parents have gone, and to leave its own children alone.

A hook that puts something into the background leaves a child to process 1 when it ends (``wait(2)``); dead and not
reaped, such children fill the table of processes. Those that we started ourselves are reaped by whoever waits for them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

_lock = threading.Lock()
"""Held from before a start until its pid is known to be ours: a short command may have ended by then."""
_ours: set[int] = set()


def start_as_ours(start: Callable[[], int]) -> int:
    """The pid that `start` gives, which nobody reaps but its caller, until it is handed to `no_longer_ours`."""
    with _lock:
        pid = start()
        _ours.add(pid)
        return pid


def no_longer_ours(pid: int) -> None:
    """It was reaped, or is given up."""
    with _lock:
        _ours.discard(pid)


def reap_orphans() -> int:
    """How many dead children that are not ours were reaped. Waits for none that lives.

    The look at all processes is made outside the lock, which it would keep from whoever starts one: with a reaper at
    work without a pause, a hundred starts took 10 s, and 0.15 s since. A pid that somebody reaped and the system gave
    away meanwhile does no harm: either it is ours, or it is no child, or it lives.
    """
    count = 0
    dead = _dead_children()
    with _lock:
        for pid in dead:
            if pid in _ours:
                continue
            with contextlib.suppress(ChildProcessError):
                count += os.waitpid(pid, os.WNOHANG)[0] == pid
    return count


def _dead_children() -> list[int]:
    """The pids of our dead children. All of ``/proc`` is looked at: the list in ``children`` is not in every kernel."""
    own, found = os.getpid(), []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="surrogateescape") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state == "Z" and int(parent) == own:
                found.append(int(name))
    return found
