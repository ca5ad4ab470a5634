"""One logger for the whole program: structlog, to stderr, pretty on a terminal and JSON elsewhere.

Event names are constants, ``noun.verb_past``, and all of them stand here: the README lists them from this module.
Keys are the same everywhere: ``target config version path outcome reason digest attempt retry_in_s took_s trigger
error hint``. info: something changed; debug: nothing did; warning: heals by itself; error: a person must act.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import structlog

AGENT_STARTED = "agent.started"
AGENT_STOPPED = "agent.stopped"
SETTINGS_RELOADED = "settings.reloaded"
SETTINGS_REJECTED = "settings.rejected"
SETTINGS_WARNED = "settings.warned"
CREDENTIALS_CHANGED = "credentials.changed"
STATE_UNAVAILABLE = "state.unavailable"
STREAM_CONNECTED = "stream.connected"
STREAM_LOST = "stream.lost"
STREAM_RECOVERED = "stream.recovered"
POLL_STARTED = "poll.started"
POLL_ENDED = "poll.ended"
POLL_FAILED = "poll.failed"
POLL_RECOVERED = "poll.recovered"
EVENT_RECEIVED = "event.received"
EVENT_UNMET = "event.unmet"
TARGET_RECONCILED = "target.reconciled"
TARGET_FAILED = "target.failed"
TARGET_RECOVERED = "target.recovered"
TARGET_HELD = "target.held"
TARGET_RESUMED = "target.resumed"
ROLLBACK_BEGUN = "rollback.begun"
FILE_WRITTEN = "file.written"
DRIFT_FOUND = "drift.found"
FILE_REMOVED = "file.removed"
FILE_WARNED = "file.warned"
LEFTOVER_REMOVED = "leftover.removed"
RELOAD_DONE = "reload.done"
RELOAD_FAILED = "reload.failed"
RELOAD_WAITING = "reload.waiting"
RELOAD_WARNED = "reload.warned"
PROBE_FAILED = "probe.failed"
REVISION_ROLLED_BACK = "revision.rolled_back"
CACHE_DAMAGED = "cache.damaged"
CACHE_UNAVAILABLE = "cache.unavailable"
CACHE_RECOVERED = "cache.recovered"
CACHE_SERVED = "cache.served"
CACHE_PRUNED = "cache.pruned"
SIGNAL_SENT = "signal.sent"
HOOK_PRINTED = "hook.printed"
SERVICE_WARNED = "service.warned"
TLS_RENEWED = "tls.renewed"
KEY_SERVED = "key.served"
CHILD_STARTED = "child.started"
CHILD_ENDED = "child.ended"
CHILD_FAILED = "child.failed"
LISTEN_STARTED = "listen.started"
LISTEN_FAILED = "listen.failed"
COMMAND_RECEIVED = "command.received"
BUG_FOUND = "bug.found"

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""Of syslog(3), for the journal: ``journalctl -p warning`` then shows what needs a look."""


class Logger(Protocol):
    """What is used of structlog's logger: an event of this module and keys, at a level."""

    def debug(self, event: str, **keys: object) -> None:
        """Nothing changed."""
        ...

    def info(self, event: str, **keys: object) -> None:
        """Something changed."""
        ...

    def warning(self, event: str, **keys: object) -> None:
        """It heals by itself."""
        ...

    def error(self, event: str, **keys: object) -> None:
        """A person must act."""
        ...


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream leads to the journal: it is what ``$JOURNAL_STREAM`` names by device and inode (sd_journal).

    A hook's pipe, or a file that the unit was given for its errors, inherits the variable and is another inode.
    """
    told = environ.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


def priority(level: str) -> str:
    """``<4>`` for ``warning``: what the journal takes from the beginning of a line (sd-daemon(3))."""
    return f"<{PRIORITIES[level]}>"


class _Waiting:
    """Stands for structlog until a line is to be written: a short command mostly writes none (25 ms)."""

    def debug(self, event: str, **keys: object) -> None:
        if _level <= LEVELS["debug"]:
            _structlog().debug(event, **keys)

    def info(self, event: str, **keys: object) -> None:
        if _level <= LEVELS["info"]:
            _structlog().info(event, **keys)

    def warning(self, event: str, **keys: object) -> None:
        if _level <= LEVELS["warning"]:
            _structlog().warning(event, **keys)

    def error(self, event: str, **keys: object) -> None:
        _structlog().error(event, **keys)


_level = 0
_configure: Callable[[], None] | None = None
"""What `set_up` was asked for and structlog has not been told yet; None: it knows, or nothing was asked."""


def logger() -> Logger:
    """The logger. Call it where a line is written: set-up may come later than an import."""
    return _WAITING if _configure is not None else _structlog()


_WAITING = _Waiting()


def set_up(*, level: str, form: str, stream: TextIO | None = None, is_brief: bool = False) -> None:
    """Make `logger` write at `level` and above, as `form`: ``console``, ``json`` or ``auto`` (a terminal: console).

    `is_brief`: the program most likely ends without a line, so structlog is imported with the first. An agent imports
    it now: when its descriptors have run out, it must still be able to say so.
    """
    global _level, _configure
    out = stream if stream is not None else sys.stderr
    _level = LEVELS[level]
    _configure = functools.partial(_tell_structlog, level, form, out)
    if not is_brief or "structlog" in sys.modules:
        _structlog()


def _structlog() -> Logger:
    """The logger of structlog itself, set up."""
    global _configure
    module = _imported()
    if _configure is not None:
        _configure()
        _configure = None
    found: Logger = module.get_logger()
    return found


def _imported() -> ModuleType:
    """structlog, imported when first needed, and without rich, which it would load (57 ms) where that is installed."""
    if "structlog" in sys.modules:
        return importlib.import_module("structlog")
    rich = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment]  # None forbids the import (library reference, sys.modules)
    try:
        return importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]
        if rich is not None:
            sys.modules["rich"] = rich


def _tell_structlog(level: str, form: str, out: TextIO) -> None:
    import structlog  # here already, see `_imported`

    is_console = form == "console" or (form == "auto" and out.isatty())
    last: structlog.typing.Processor
    colors = out.isatty() and not os.environ.get("NO_COLOR")
    last = structlog.dev.ConsoleRenderer(colors=colors) if is_console else structlog.processors.JSONRenderer()
    if is_journal(out, os.environ):
        last = _with_priority(last)
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


def _with_priority(render: structlog.typing.Processor) -> structlog.typing.Processor:
    """Each line of what is rendered begins with its priority: the journal makes an entry of each."""

    def rendered(logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict) -> str:
        word = priority(str(event.get("level", "info")))
        return "\n".join(word + line for line in str(render(logger, name, event)).split("\n"))

    return rendered
