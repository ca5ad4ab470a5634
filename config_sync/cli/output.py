"""Where a command's words go: telling people never fails the work, a result that is lost does.

Standard library only: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from config_sync.errors import Exit


def say(*lines: str) -> None:
    """Tell people on stderr; nobody listening any more (a dead log collector, a full disk) is no reason to stop."""
    with contextlib.suppress(OSError):
        print("\n".join(lines), file=sys.stderr, flush=True)


def lost_output() -> Exit | None:
    """Write out what is left of stdout; None: it went well. After a failure stdout leads nowhere.

    A reader that has gone (``| head``) is its own decision: `Exit.DONE`. Anything else is told, and `Exit.WRITE`.
    """
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except OSError as error:
        # The interpreter's own flush at exit must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return Exit.DONE
        say(f"config-sync: the output could not be written: {error.strerror}", "  hint: what was printed is not whole")
        return Exit.WRITE
    return None


class SteadyStream:
    """A stream for the log whose failures end with it: an agent outlives whoever read its log."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        """As of a text stream."""
        with contextlib.suppress(OSError):
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        """As of a text stream."""
        with contextlib.suppress(OSError):
            self._out.flush()

    def isatty(self) -> bool:
        """As of a text stream."""
        return self._out.isatty()
