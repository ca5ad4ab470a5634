"""A command's output, line by line: bounded, and with secrets taken out before anything else sees it.

The first `max_bytes` are told line by line, the last `max_bytes` are kept, all the rest is read and dropped, so that a
talkative command neither blocks nor fills a log. A secret is replaced before a line is cut, since half a secret is one
too.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence

MAX_LINE = 4096
"""Characters of one line that are shown. syslog receivers cut at 2 to 8 KiB; journald at 48 KiB."""

HIDDEN = "[hidden]"

_SHORTEST_SECRET = 4
"""Shorter texts occur by chance and would only garble the output."""


class OutputLines:
    """Bytes in, clean lines out."""

    def __init__(self, *, max_bytes: int, on_line: Callable[[str], None] | None, redact: Sequence[str] = ()) -> None:
        parts = {part for text in redact for part in text.splitlines() if len(part) >= _SHORTEST_SECRET}
        self._secrets = sorted(parts, key=len, reverse=True)  # longest first: one may contain another
        self._room = MAX_LINE * 4 + max((len(part.encode()) for part in parts), default=0)
        self._max_bytes = max_bytes
        self._on_line = on_line
        self._told = 0
        self._line = bytearray()
        self._kept: collections.deque[str] = collections.deque()
        self._kept_size = 0
        self._was_cut = False

    def feed(self, data: bytes) -> None:
        """Take what was read from the pipe."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._extend(piece)
            self._end_line()
        self._extend(rest)

    def close(self) -> None:
        """Tell an unfinished last line."""
        if self._line:
            self._end_line()

    @property
    def is_truncated(self) -> bool:
        """Whether something was left out."""
        return self._was_cut

    @property
    def tail(self) -> str:
        """The last lines, joined by newlines; at most about `max_bytes`."""
        return "\n".join(self._kept)

    def _extend(self, piece: bytes) -> None:
        room = self._room - len(self._line)
        self._was_cut = self._was_cut or len(piece) > room
        self._line += piece[:room]

    def _end_line(self) -> None:
        text = self._line.decode(errors="replace").rstrip("\r")
        self._line.clear()
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        if len(text) > MAX_LINE:
            text = text[:MAX_LINE] + "…"
            self._was_cut = True
        self._tell(text)
        self._keep(text)

    def _tell(self, text: str) -> None:
        if self._on_line is None or not text:
            return
        if self._told + len(text) > self._max_bytes:
            self._was_cut = True
            self._told = self._max_bytes  # nothing more: a gap in the middle would mislead
            return
        self._told += len(text) + 1
        self._on_line(text)

    def _keep(self, text: str) -> None:
        self._kept.append(text)
        self._kept_size += len(text) + 1
        while self._kept_size > self._max_bytes and len(self._kept) > 1:
            self._kept_size -= len(self._kept.popleft()) + 1
            self._was_cut = True
