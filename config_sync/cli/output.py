"""Where a command's words go: telling people never fails the work, a result that is lost does.

Standard library only: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from config_sync.errors import FileError


class ReaderGone(Exception):
    """Nobody reads stdout any more (``| head``): the reader's own decision, and no error."""


def say(*lines: str, level: str = "info") -> None:
    """Tell people on stderr. That nobody listens any more (a dead log collector, a full disk) stops nothing.

    `level` is a word of `config_sync.log.LEVELS`: where the journal listens, each line begins with its priority.
    """
    if "JOURNAL_STREAM" in os.environ:
        from config_sync.log import is_journal, priority  # only in a unit

        if is_journal(sys.stderr, os.environ):
            lines = tuple(priority(level) + one for line in lines for one in line.split("\n"))
    with contextlib.suppress(OSError):
        print("\n".join(lines), file=sys.stderr, flush=True)


def put(result: str | bytes) -> None:
    """Write a command's result to stdout, as it stands; an empty one writes what was printed before.

    Raises:
        ReaderGone: stdout is a pipe without a reader.
        FileError: it could not be written; stdout leads nowhere from then on.
    """
    if sys.__stdout__ is None:  # closed from the start: as `print` has it, nobody wants to know
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(result.encode() if isinstance(result, str) else result)
        sys.stdout.buffer.flush()
    except OSError as error:
        _lead_nowhere(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise FileError(
            f"the output could not be written: {error.strerror}",
            hint="what has arrived there is not the whole",
            errno=error.errno,
            step="write",
        ) from error


def settle() -> None:
    """Before the end: drop what stderr could not take, else the interpreter would end with a code of its own (120)."""
    try:
        if sys.__stderr__ is not None:
            sys.stderr.flush()
    except OSError:
        _lead_nowhere(sys.stderr)


def _lead_nowhere(stream: TextIO) -> None:
    """The interpreter's own flush at exit must not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class SteadyStream:
    """A stream for the log whose failures end with it: an agent outlives whoever reads its log."""

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

    def fileno(self) -> int:
        """As of a text stream."""
        return self._out.fileno()
