"""One logger for the whole program: structlog, to stderr, pretty on a terminal and JSON elsewhere.

Event names are constants, ``noun.verb_past``, and all of them stand here: the README lists them from this module.
Keys are the same everywhere: ``target config version path outcome reason digest attempt retry_in_s took_s trigger
error hint``. info: something changed; debug: nothing did; warning: heals by itself; error: a person must act.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

import structlog

AGENT_STARTED = "agent.started"
AGENT_STOPPED = "agent.stopped"
AGENT_FAILED = "agent.failed"
SETTINGS_RELOADED = "settings.reloaded"
SETTINGS_REJECTED = "settings.rejected"
SETTINGS_WARNED = "settings.warned"
CREDENTIALS_CHANGED = "credentials.changed"
STATE_UNAVAILABLE = "state.unavailable"
STREAM_CONNECTED = "stream.connected"
STREAM_LOST = "stream.lost"
STREAM_RECOVERED = "stream.recovered"
EVENT_RECEIVED = "event.received"
EVENT_IGNORED = "event.ignored"
TARGET_RECONCILED = "target.reconciled"
TARGET_FAILED = "target.failed"
TARGET_RECOVERED = "target.recovered"
FILE_WRITTEN = "file.written"
FILE_WARNED = "file.warned"
LEFTOVER_REMOVED = "leftover.removed"
CHECK_REJECTED = "check.rejected"
RELOAD_DONE = "reload.done"
RELOAD_FAILED = "reload.failed"
RELOAD_WAITING = "reload.waiting"
RELOAD_WARNED = "reload.warned"
SIGNAL_SENT = "signal.sent"
HOOK_PRINTED = "hook.printed"
SERVICE_WARNED = "service.warned"
COMMAND_RECEIVED = "command.received"
BUG_FOUND = "bug.found"

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger. Call it where a line is written: set-up may come later than an import."""
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return found


def set_up(*, level: str, form: str, stream: TextIO | None = None) -> None:
    """Make `logger` write at `level` and above, as `form`: ``console``, ``json`` or ``auto`` (a terminal: console)."""
    out = stream if stream is not None else sys.stderr
    is_console = form == "console" or (form == "auto" and out.isatty())
    last: structlog.typing.Processor
    colors = out.isatty() and not os.environ.get("NO_COLOR")
    last = structlog.dev.ConsoleRenderer(colors=colors) if is_console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
