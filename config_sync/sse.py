"""Server-sent events: bytes in, events out, without I/O.

The rules are those of the WHATWG HTML standard, section 9.2 ("Parsing an event stream", "Interpreting an event
stream"), and they hold for any way the bytes are cut into chunks:

1. One byte order mark at the very start is dropped.
2. A line ends at CR, LF or CRLF and at nothing else: U+2028, U+0085, VT and FF are content. A CR ends its line at once;
   an LF that opens the next chunk belongs to it.
3. Bytes are decoded line by line: CR and LF are never part of a UTF-8 sequence, so this gives what decoding the whole
   stream would give, with U+FFFD for what is invalid.
4. A blank line dispatches what has been gathered, if any ``data`` came; an incomplete event at the end is dropped.

What is ours: lines and events are bounded, since a stream has no length; a number in ``retry`` is capped; and
`SseDecoder.bytes_without_event` lets the caller drop a stream that only talks.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from dataclasses import dataclass

from config_sync.errors import UnexpectedResponse
from config_sync.model import ChangeEvent

MAX_LINE = 4 * 1024**2
"""Bytes of one line. An event of the protocol has some 150; the SDK may meet larger ones from other servers."""
MAX_EVENT = 4 * 1024**2
"""Bytes of all ``data`` of one event."""
MAX_RETRY_MS = 300_000
"""``retry`` is a floor for the next connect; like ``Retry-After`` it is capped at five minutes (network.md)."""
MAX_CHANGE = 64 * 1024
"""Characters of an event's data that are looked at as a change."""

_BOM = b"\xef\xbb\xbf"
_INT64_MAX = 2**63 - 1


class StreamTooLarge(UnexpectedResponse):
    """A line or an event of the stream is over its bound: the stream is of no use any more."""

    reason = "StreamTooLarge"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One dispatched event. `last_event_id` is ``""`` where the server never gave one."""

    event: str
    data: str
    last_event_id: str


class SseDecoder:
    """Turns one response body into events; one decoder a connection.

    `last_event_id` carries the id over from the connection before; `max_line` and `max_event` are bytes.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_data_size",
        "_event",
        "_failure",
        "_id",
        "_is_first_line",
        "_max_event",
        "_max_line",
        "_partial",
        "bytes_without_event",
        "last_event_id",
        "retry_ms",
    )

    def __init__(self, *, max_line: int = MAX_LINE, max_event: int = MAX_EVENT, last_event_id: str = "") -> None:
        self.retry_ms: int | None = None
        """The last valid ``retry``, at most `MAX_RETRY_MS`."""
        self.last_event_id = last_event_id
        """As of the last blank line: what ``Last-Event-ID`` says after a reconnect."""
        self.bytes_without_event = 0
        """Bytes of complete lines that carried no data (comments, other fields, blank ones) since the last event."""
        self._max_line = max_line
        self._max_event = max_event
        self._partial = bytearray()
        self._after_cr = False
        self._is_first_line = True
        self._id = last_event_id
        self._event = ""
        self._data: list[str] = []
        self._data_size = 0
        self._failure: StreamTooLarge | None = None

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes, in order.

        Raises:
            StreamTooLarge: a line or an event is over its bound, in this chunk or, where events that came before it
                had to be handed out first, in an earlier one. It is raised again by every later call.
        """
        if self._failure is not None:
            raise self._failure
        events: list[ServerEvent] = []
        try:
            self._split(chunk, events)
        except StreamTooLarge as failure:
            self._failure = failure
            if not events:
                raise
        return events

    def _split(self, chunk: bytes, events: list[ServerEvent]) -> None:
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines(keepends=True)  # of bytes: CR, LF and CRLF only (docs.python.org, bytes.splitlines)
        for line in lines:
            content = line.rstrip(b"\r\n")
            if len(self._partial) + len(content) > self._max_line:
                raise StreamTooLarge(f"a line of the stream is over {self._max_line} bytes")
            if len(content) == len(line):  # only the last one may lack its end
                self._partial += content
                return
            if self._partial:
                self._partial += content
                content = bytes(self._partial)
                self._partial.clear()
            self._take_line(content, events)

    def _take_line(self, line: bytes, events: list[ServerEvent]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self.bytes_without_event += 1
            self._dispatch(events)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._max_event:
                raise StreamTooLarge(f"an event of the stream is over {self._max_event} bytes")
            self._data.append(value.decode("utf-8", "replace"))
            return
        self.bytes_without_event += len(line) + 1
        match name:
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if re.fullmatch(rb"[0-9]+", value):
                # int() refuses more than 4,300 digits; seven without leading zeros are over the cap already.
                digits = value.lstrip(b"0") or b"0"
                self.retry_ms = MAX_RETRY_MS if len(digits) > 7 else min(int(digits), MAX_RETRY_MS)
            case _:  # a comment (an empty name), or a field that is not known
                pass

    def _dispatch(self, events: list[ServerEvent]) -> None:
        self.last_event_id = self._id
        if self._data:
            events.append(ServerEvent(self._event or "message", "\n".join(self._data), self._id))
            self._data.clear()
            self._data_size = 0
            self.bytes_without_event = 0
        self._event = ""


def parse_change(data: str) -> ChangeEvent | None:
    """What an event's data say of a change, or None where they do not say it; never raises.

    ``{"config_name", "version", "changed_by", "timestamp"}``; a part that is missing or of another type is None. The
    time is RFC 3339 as Go writes it, up to nanoseconds; Go's zero time (year 1) counts as missing.
    """
    if len(data) > MAX_CHANGE:
        return None
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    name: object = found.get("config_name")
    if not isinstance(name, str) or not 1 <= len(name) <= 253:
        return None
    return ChangeEvent(
        config=name,
        version=_whole(found.get("version")),
        changed_by=_whole(found.get("changed_by")),
        timestamp=_unix_time(found.get("timestamp")),
    )


def _whole(value: object) -> int | None:
    """A non-negative 64-bit integer, also spelled ``3.0``."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _INT64_MAX:
        return value
    return None


_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,18}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def _unix_time(value: object) -> float | None:
    """Unix seconds of an RFC 3339 time (section 5.6; a leap second counts as the next second)."""
    found = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    try:
        moment = datetime.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=datetime.UTC)
    except ValueError:
        return None
    if year in (1, 9999) or second > 60:  # with its offset it may be no date any more
        return None
    offset_s = 0
    if found[8] is not None:
        hours, minutes = int(found[9]), int(found[10])
        if hours > 23 or minutes > 59:
            return None
        offset_s = (hours * 3600 + minutes * 60) * (1 if found[8] == "+" else -1)
    fraction = float(f"0.{found[7] or 0}")
    return moment.timestamp() + max(0, second - 59) + fraction - offset_s
