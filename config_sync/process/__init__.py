"""Other processes: running a command that cannot hang us, and naming a running process without mistaking it.

`command` starts one, bounds it and cleans up after it (`spawn`, `lines`); `running` identifies one that someone else
started.
"""

from __future__ import annotations

from config_sync.process.command import Ended, Finished, run_command, signal_name
from config_sync.process.running import (
    Disposition,
    NotRunning,
    ProcessHandle,
    disposition_of,
    open_process,
)
from config_sync.process.spawn import DEFAULT_PATH, CouldNotStart

__all__ = [
    "DEFAULT_PATH",
    "CouldNotStart",
    "Disposition",
    "Ended",
    "Finished",
    "NotRunning",
    "ProcessHandle",
    "disposition_of",
    "open_process",
    "run_command",
    "signal_name",
]
