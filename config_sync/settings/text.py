"""Reads the text of a file whole, or says in one sentence why not: the settings, and what they point to."""

from __future__ import annotations

import errno
import os
import re
import stat

MAX_BYTES = 4 * 1024**2
"""Of one file: 1,000 targets take some 300 KiB."""

_NOT_TEXT = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_NOT_ASCII_TEXT = r"[^\t\n\r\x20-\x7e]"
"""The same among ASCII: it compiles in no time, the whole one takes 5 ms.

What YAML 1.1 calls not printable (5.1), and a byte order mark anywhere but at the start."""


class Fault(Exception):
    """Why a file cannot be used; `line` and `column` count from 1, and are 0 where the file as a whole is meant."""

    def __init__(self, message: str, hint: str | None = None, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line
        self.column = column


def read_text(path: str) -> str:
    """The file as UTF-8, without a byte order mark. A pipe is read to its end.

    Raises:
        Fault: missing, unreadable, a directory, too long, not UTF-8, or with control characters.
    """
    try:
        content = _read_bounded(path)
    except OSError as error:
        hint = None
        if isinstance(error, PermissionError):
            hint = f"config-sync runs as uid {os.geteuid()}, which must be able to read it"
        raise Fault(f"cannot read {path}: {error.strerror}", hint) from error
    except ValueError as error:
        raise Fault(f"cannot read {path!r}: {error}") from error
    if len(content) > MAX_BYTES:
        raise Fault(f"{path} is over {MAX_BYTES // 1024**2} MiB", "is it the right file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        # `from None`: the exception carries the whole file.
        raise Fault("not UTF-8 here", "save the file as UTF-8", line, column) from None
    if found := re.search(_NOT_ASCII_TEXT if text.isascii() else _NOT_TEXT, text):
        line, column = place_of(text, found.start())
        code = f"U+{ord(found.group()):04X}"
        raise Fault(f"a text file has no character {code}", "remove it", line, column)
    return text


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _read_bounded(path: str) -> bytes:
    """At most one byte more than allowed. Raises OSError."""
    # O_NONBLOCK: opening a FIFO without a writer would wait for ever; with it, such a one is empty.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        os.set_blocking(descriptor, True)  # `<(…)` and /dev/stdin: the writer may be slow
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(MAX_BYTES + 1)
