"""What is known of one subscription, and how one came to its end."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from config_sync.client.streams import NotAnEventStream, WatchNotOffered
from config_sync.errors import Retry, ServiceUnavailable, SyncError, UnexpectedResponse

STREAM_ENDED = "StreamEnded"
STREAM_SILENT = "StreamSilent"
STREAM_IDLE_TALK = "StreamIdleTalk"

NO_STREAM = frozenset({WatchNotOffered.reason, NotAnEventStream.reason})
"""Losses that say: there are no streams here. A 404 may say the same, or that there is no such config."""


class StreamWord(enum.Enum):
    """Where a subscription stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"
    """For the instant between the loss and the wait."""
    BACKING_OFF = "backing_off"


@dataclass(frozen=True, slots=True)
class StreamState:
    """A subscription as status, metrics and the `Connected` condition show it; times are Unix seconds.

    `reason`, `message` and `hint` are those of the last loss, kept while connecting and None once live;
    `connected_since` is None unless live; `retry_at` is None unless backing off.
    """

    word: StreamWord = StreamWord.CONNECTING
    connected_since: float | None = None
    last_byte_at: float | None = None
    reconnects: int = 0
    """Connects after the first."""
    reason: str | None = None
    message: str | None = None
    hint: str | None = None
    retry_at: float | None = None
    barren: int = 0
    """Streams in a row, this one included, that were accepted and have brought no byte; 0 once one did."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Why there is no stream (any more). `retry` None: silence, which is no failure and grows no backoff."""

    reason: str
    message: str
    hint: str | None = None
    retry: Retry | None = Retry.BACKOFF
    floor_s: float | None = None
    """The server's ``Retry-After``, in seconds."""
    family: str | None = None
    """The reason of the whole class, where `reason` names one fault of it: an outage has several faces."""

    @property
    def told_as(self) -> str:
        """What is told once an outage."""
        return self.family or self.reason

    @property
    def is_silence(self) -> bool:
        """Whether the stream was open and just said nothing for too long."""
        return self.retry is None


class IdleTalk(UnexpectedResponse):
    """A stream that sends comments without end and never an event: dropped and opened anew."""

    reason = STREAM_IDLE_TALK
    retry = Retry.BACKOFF


def loss_of(error: SyncError) -> Loss:
    """The loss that an error of the client means."""
    return Loss(
        reason=error.reason,
        message=error.message,
        hint=error.hint,
        retry=Retry.BACKOFF if error.retry is Retry.BACKOFF else Retry.SLOW,
        floor_s=error.retry_after_s if isinstance(error, ServiceUnavailable) else None,
        family=type(error).reason,
    )


def silence(idle_timeout_s: float) -> Loss:
    """No byte for `idle_timeout_s` on a live stream."""
    return Loss(STREAM_SILENT, f"the stream sent nothing for {idle_timeout_s:g} s", retry=None)


def clean_end() -> Loss:
    """The server ended the response as it should."""
    return Loss(STREAM_ENDED, "the server ended the stream")
