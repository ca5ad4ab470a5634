"""One watch's stream, as bytes come in: events out, and what must be remembered from one connection to the next."""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.errors import Retry, SyncError, UnexpectedResponse
from config_sync.model import ConfigName
from config_sync.sdk.pacing import Pace
from config_sync.sdk.requests import Request, Requests
from config_sync.sse import SseDecoder

_MAX_IDLE_TALK = 1024**2
"""Bytes of comments without an event after which a stream is opened anew."""


class _IdleTalk(UnexpectedResponse):
    retry = Retry.BACKOFF


class Hearing:
    """The protocol's side of a watch, without I/O."""

    def __init__(self, requests: Requests, name: ConfigName, pace: Pace) -> None:
        self.name = name
        self.pace = pace
        self._requests = requests
        self._decoder = SseDecoder()

    def request(self) -> Request:
        """To connect, from where the last stream left off; bytes of another stream are forgotten."""
        self._decoder = SseDecoder(last_event_id=self._decoder.last_event_id)
        return self._requests.stream(self.name, self._decoder.last_event_id)

    def judge(self, request: Request, status: int, headers: Mapping[str, str]) -> SyncError | None:
        """What is wrong with the answer to a connect, None for an open stream."""
        return self._requests.judge(request, status, headers)

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that `chunk` completes. Raises UnexpectedResponse for a stream of no use."""
        events = self._decoder.feed(chunk)
        self.pace.heed(self._decoder.retry_ms)
        if self._decoder.bytes_without_event > _MAX_IDLE_TALK:
            raise _IdleTalk(f"the stream of config {self.name} sent 1 MiB without an event")
        return [event.data for event in events]
