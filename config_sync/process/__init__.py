"""Other processes: running a command that cannot hang us, and naming a running process without mistaking it.

`command` starts one, bounds it and cleans up after it (`spawn`, `account`, `lines`, `orphans`); `child` is the one that
lives as long as we do; `running` identifies one that someone else started, and `table` finds it among all.
"""

from __future__ import annotations

from config_sync.process.account import Account, account_of
from config_sync.process.child import Child
from config_sync.process.command import Ended, Finished, run_command, signal_name
from config_sync.process.orphans import reap_orphans
from config_sync.process.running import (
    Disposition,
    NotRunning,
    ProcessHandle,
    disposition_of,
    open_process,
)
from config_sync.process.spawn import DEFAULT_PATH, CouldNotStart, stop_ignoring
from config_sync.process.table import MAX_CMDLINE, Seen, ancestors, is_hiding_others, processes

__all__ = [
    "DEFAULT_PATH",
    "MAX_CMDLINE",
    "Account",
    "Child",
    "CouldNotStart",
    "Disposition",
    "Ended",
    "Finished",
    "NotRunning",
    "ProcessHandle",
    "Seen",
    "account_of",
    "ancestors",
    "disposition_of",
    "is_hiding_others",
    "open_process",
    "processes",
    "reap_orphans",
    "run_command",
    "signal_name",
    "stop_ignoring",
]
