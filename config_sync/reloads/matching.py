"""From a program or a command line to the one process that is meant: the only one, or the parent of all the others.

A daemon and its workers run one program: the daemon is told, and tells the workers. Several that are not related are
refused with their numbers, since any choice would be a guess.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from config_sync.errors import ReloadFailed
from config_sync.model import AbsolutePath, ReloadOrder, StopSignal
from config_sync.process import (
    MAX_CMDLINE,
    NotRunning,
    ProcessHandle,
    Seen,
    ancestors,
    is_hiding_others,
    open_process,
    processes,
)

_COMM = 15
"""Bytes of a name that the kernel keeps (proc_pid_comm(5))."""

_TRIES = 3
"""A process that ends, or becomes another program, between the look and the hold: it is looked for anew."""

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ByExe:
    """The process that runs the program `path`: what ``readlink /proc/PID/exe`` says, also where it was replaced."""

    path: AbsolutePath

    def describe(self) -> str:
        """``the process of /usr/sbin/nginx``."""
        return f"the process of {self.path}"

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle:  # noqa: ARG002  # nothing here waits
        """The process; the caller closes it. Raises NotRunning, ReloadFailed."""
        wanted = {str(self.path), os.path.realpath(self.path)}
        names = {os.path.basename(one) for one in wanted}
        return _find(
            self.describe(),
            lambda exe, _: exe in wanted,
            lambda seen: seen.exe in wanted or (seen.exe is None and _is_like(seen, names)),
        )

    def took_well(self, process: ProcessHandle) -> None:
        """Nothing is kept: it is looked for anew each time."""


@dataclass(frozen=True, slots=True)
class ByCmdline:
    """The process in whose command line, its words joined by blanks, `pattern` is found."""

    pattern: re.Pattern[str]

    def describe(self) -> str:
        """Without the expression: command lines hold what is nobody's business."""
        return "the process with the given command line"

    def find(self, order: ReloadOrder, stop: StopSignal) -> ProcessHandle:  # noqa: ARG002  # nothing here waits
        """The process; the caller closes it. Raises NotRunning, ReloadFailed."""
        return _find(
            self.describe(),
            lambda _, cmdline: self.pattern.search(cmdline) is not None,
            lambda seen: self.pattern.search(seen.cmdline) is not None,
        )

    def took_well(self, process: ProcessHandle) -> None:
        """Nothing is kept: it is looked for anew each time."""


def _is_like(seen: Seen, names: Iterable[str]) -> bool:
    """Whether a process whose program may not be read goes by one of these names."""
    first = os.path.basename(seen.cmdline.split(" ", 1)[0])
    return any(first == name or seen.comm == os.fsencode(name)[:_COMM].decode(errors="replace") for name in names)


def _find(what: str, is_it: Callable[[str | None, str], bool], may_be_it: Callable[[Seen], bool]) -> ProcessHandle:
    for _ in range(_TRIES):
        found = {seen.pid: seen for seen in processes() if may_be_it(seen)}
        if not found:
            if is_hiding_others():
                raise _hidden(
                    f"/proc hides other users' processes from uid {os.geteuid()}: {what} was not found",
                    "mount /proc without hidepid for the agent (systemd: ProtectProc=default)",
                )
            raise NotRunning(f"{what} does not run")
        parents = {seen.pid: seen.parent for seen in found.values()}
        first = [pid for pid in found if not any(parent in found for parent in ancestors(pid, parents))]
        if len(first) > 1:
            raise _several(what, first)
        if not first:  # they changed parents while we looked
            continue
        try:
            process = open_process(first[0])
        except NotRunning:
            continue
        except PermissionError as error:
            raise _hidden(str(error), "give the agent a /proc that shows the consumer") from error
        if is_it(process.exe, process.cmdline.strip("\0").replace("\0", " ")[:MAX_CMDLINE]):
            return process
        process.close()
        if found[first[0]].exe is None:
            raise _hidden(
                f"uid {os.geteuid()} may not see which program process {first[0]} ({process.name}) of uid {process.uid}"
                " runs",
                "run both as one user, or give the agent CAP_SYS_PTRACE and CAP_KILL",
            )
    raise NotRunning(f"{what} ended again and again while it was looked for")


def _hidden(message: str, hint: str) -> ReloadFailed:
    return ReloadFailed(message, hint=hint, reason="ProcessHidden")


def _several(what: str, pids: list[int]) -> ReloadFailed:
    shown = ", ".join(map(str, sorted(pids)[:_SHOWN])) + (" …" if len(pids) > _SHOWN else "")
    return ReloadFailed(
        f"{what} cannot be told from others: {len(pids)} that are not related match (pids {shown})",
        hint="narrow it down (`cmdline` may name an argument), or use `pidfile` or `unit`",
        reason="ConsumerAmbiguous",
    )
