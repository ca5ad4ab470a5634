"""Change streams of the Config Service: opened, judged by their status and type, and handed on as raw bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from config_sync.client.answers import media_type, refusal
from config_sync.client.endpoint import Endpoint
from config_sync.clock import Clock, SystemClock
from config_sync.errors import UnexpectedResponse
from config_sync.http.failures import origin_of, refuse_encoded
from config_sync.http.streaming import RawStream, open_stream
from config_sync.model import ConfigRef, Secret

EVENT_STREAM = "text/event-stream"

MAX_EVENT_ID = 1024
"""Characters of an event id that we send back."""


class WatchNotOffered(UnexpectedResponse):
    """204: the service has no streams for this config. `watch: auto` may poll instead."""

    reason = "WatchNotOffered"


class NotAnEventStream(UnexpectedResponse):
    """200 with another content type: an error page, a login form, a proxy's notice. Never parsed as events."""

    reason = "NotAnEventStream"


class EventStream(Protocol):
    """An open stream."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come, cut anywhere; ends when the server ends the stream cleanly.

        Raises:
            StreamSilent: no byte for `idle_timeout_s` (`config_sync.http.failures`; a ServiceUnavailable).
            ServiceUnavailable: the connection broke.
        """
        ...


class Streams(Protocol):
    """Where change streams come from."""

    def open(self, ref: ConfigRef, last_event_id: str | None = None) -> AbstractAsyncContextManager[EventStream]:
        """An open stream for the config, closed on leaving. The environment and version of `ref` play no part.

        Raises:
            WatchNotOffered, NotAnEventStream: there is no stream to be had here.
            Unauthorized, Forbidden, NotFound, UnexpectedResponse: the service said no.
            ServiceUnavailable: no answer, or "later"; `retry_after_s` carries its wish.
            TlsFailed: the handshake failed.
            CredentialError: the token cannot be read.
        """
        ...


class HttpStreams:
    """The real ones: one connection a stream, silent for at most `idle_timeout_s`, no limit on their life."""

    def __init__(self, endpoint: Endpoint, *, idle_timeout_s: float = 90.0, clock: Clock | None = None) -> None:
        self._endpoint = endpoint
        self._idle_timeout_s = idle_timeout_s
        self._clock = clock if clock is not None else SystemClock()

    @asynccontextmanager
    async def open(self, ref: ConfigRef, last_event_id: str | None = None) -> AsyncIterator[EventStream]:
        """See `Streams`."""
        token = self._endpoint.token.read()
        async with AsyncExitStack() as stack:
            stream = await stack.enter_async_context(self._connect(ref, token, last_event_id))
            if stream.status == 401:
                # A rotation may fall between reading the token and using it: one more try, if there is another token.
                renewed = self._endpoint.token.read()
                if renewed != token:
                    await stack.aclose()
                    stream = await stack.enter_async_context(self._connect(ref, renewed, last_event_id))
            self._check(stream, ref)
            yield stream

    def _connect(
        self, ref: ConfigRef, token: Secret, last_event_id: str | None
    ) -> AbstractAsyncContextManager[RawStream]:
        extra = {"Cache-Control": "no-cache"}
        if last_event_id is not None and _is_sendable(last_event_id):
            extra["Last-Event-ID"] = last_event_id
        return open_stream(
            self._endpoint.watch_url(ref.name),
            self._endpoint.headers(token, accept=EVENT_STREAM, extra=extra),
            tls=self._endpoint.tls,
            connect_timeout_s=self._endpoint.connect_timeout_s,
            idle_timeout_s=self._idle_timeout_s,
            proxy=self._endpoint.proxy,
        )

    def _check(self, stream: RawStream, ref: ConfigRef) -> None:
        url, what = self._endpoint.watch_url(ref.name), f"the stream of config {ref.name}"
        problem = refusal(
            stream.status,
            stream.headers,
            what=what,
            url=url,
            token=self._endpoint.token.describe(),
            now=self._clock.now(),
            proxy=self._endpoint.forwarder,
        )
        if problem is not None:
            raise problem
        if stream.status != 200:
            raise WatchNotOffered(
                f"{what}: {origin_of(url)} answers {stream.status}: it offers none",
                hint="with `service.watch: auto` the list of configs is polled instead; ask why streams are off",
            )
        if (sent := media_type(stream.headers)) != EVENT_STREAM:
            raise NotAnEventStream(
                f"{what}: {origin_of(url)} answers with {sent or 'no content type'}, not with {EVENT_STREAM}",
                hint="does service.host lead to the Config Service, and not to a proxy or a login page?",
            )
        refuse_encoded(stream.headers, url)


def _is_sendable(event_id: str) -> bool:
    """Whether a header may carry the id. One that cannot, or a huge one, would fail every later connect."""
    return (
        0 < len(event_id) <= MAX_EVENT_ID
        and event_id == event_id.strip(" \t")
        and not any(character < " " or "\x7f" <= character < "\xa0" for character in event_id)
    )
