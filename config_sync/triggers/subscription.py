"""One config's change stream, kept open for the life of the agent.

::

    connecting ──> live ──> lost ──> backing off ──┐
        ^  └────────────────^                      │
        └──────────────────────────────────────────┘

1. Becoming *live* marks the config's targets (`Wake.CONNECTED`): the protocol has no replay, so what a stream did not
   tell must be compared. The stream is open before anything is fetched, so a change in between is not lost.
2. An event marks them too (`Wake.EVENT`). What it says is a hint and travels along; one that cannot be read, or names
   another config, marks all the same. The reader never fetches.
3. Lost is a clean end, an error, or silence longer than `idle_timeout`. `pacing` says when to try again.
4. Nothing here ends the subscription but cancelling it, which takes no longer than closing the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable

from config_sync.backoff import Backoff, around
from config_sync.client.streams import EventStream, Streams
from config_sync.clock import Clock
from config_sync.errors import CredentialError, Retry, ServiceUnavailable, SyncError
from config_sync.http.failures import StreamRenewed, StreamSilent
from config_sync.log import EVENT_RECEIVED, logger
from config_sync.model import ChangeEvent, ConfigRef
from config_sync.sse import SseDecoder, parse_change
from config_sync.status import metrics
from config_sync.status.meters import METERS
from config_sync.triggers.gate import ConnectGate
from config_sync.triggers.pacing import Pacing
from config_sync.triggers.stream_log import StreamLog
from config_sync.triggers.stream_state import IdleTalk, Loss, StreamState, StreamWord, clean_end, loss_of, silence
from config_sync.workqueue import Wake

MAX_IDLE_TALK = 1024**2
"""Bytes of comments without an event after which a stream is opened anew (network.md, "Security")."""


STREAM_AGAIN_S = 600.0
"""How often, ±20 %, a stream that is not to be had is asked for again while the list stands in for it."""


def _never(_ref: ConfigRef) -> bool:
    """It is needed."""
    return False


def _nobody(_ref: ConfigRef) -> None:
    """Nobody wants to know."""


class Subscription:
    """Watches `ref` through `streams` and tells by `on_mark` that its targets may be out of date.

    `idle_timeout_s` bounds silence, and the wait for an answer to a connect. `gate` is shared by all subscriptions to
    the host. `on_state` is called at every change of the state's word. Both callbacks run in the event loop; they must
    be quick and must not raise. `chance` gives numbers in [0, 1).

    `on_heard` is called at the first byte after each connect. `is_replaced` says whether something else tells of the
    config's changes meanwhile, so that a refused stream need not be asked for often; None: nothing ever does.
    `may_be_absent` says whether nobody needs the config: a 404 is no trouble then.
    """

    def __init__(
        self,
        ref: ConfigRef,
        streams: Streams,
        *,
        idle_timeout_s: float,
        reconnect: Backoff,
        on_mark: Callable[[ConfigRef, Wake, ChangeEvent | None], None],
        on_state: Callable[[ConfigRef, StreamState], None],
        gate: ConnectGate,
        chance: Callable[[], float],
        clock: Clock,
        on_heard: Callable[[ConfigRef], None] = _nobody,
        is_replaced: Callable[[ConfigRef], bool] | None = None,
        may_be_absent: Callable[[ConfigRef], bool] = _never,
    ) -> None:
        self._ref = ref
        self._streams = streams
        self._idle_timeout_s = idle_timeout_s
        self._reconnect = reconnect
        self._on_mark = on_mark
        self._on_state = on_state
        self._gate = gate
        self._chance = chance
        self._clock = clock
        self._on_heard = on_heard
        self._is_replaced = is_replaced
        self._may_be_absent = may_be_absent
        self._pacing = Pacing(reconnect, chance)
        self._log = StreamLog(ref.name, settled_s=reconnect.first_s, clock=clock, falls_back=is_replaced is not None)
        self._nudged = asyncio.Event()
        self._last_event_id = ""
        self._lived_since: float | None = None
        self._last_byte_at: float | None = None
        self._has_heard = False
        self._barren = 0
        self._state = StreamState()

    @property
    def ref(self) -> ConfigRef:
        """The config it watches."""
        return self._ref

    @property
    def state(self) -> StreamState:
        """As of now."""
        return dataclasses.replace(self._state, last_byte_at=self._last_byte_at)

    def retry_now(self) -> None:
        """The credentials or the settings changed: a wait for a person (401, 403, 404 …) ends at once.

        A wait for the host to come back does not: the change says nothing about that, and it would bring a fleet
        back in one instant. Called during a connect, it counts for the wait that may follow; in a stream's life it
        says nothing.
        """
        if self._state.word is not StreamWord.LIVE:
            self._nudged.set()

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        reconnects = 0
        last: Loss | None = None
        while True:
            self._tell(StreamWord.CONNECTING, reconnects, last)
            self._nudged.clear()  # from here on the credentials are read anew
            self._lived_since = None
            last = await self._follow(reconnects)
            lived_s = 0.0 if self._lived_since is None else self._clock.monotonic() - self._lived_since
            self._tell(StreamWord.LOST, reconnects, last)
            delay_s = self._delay_after(last, lived_s=lived_s)
            self._log.lost(
                last,
                retry_in_s=delay_s,
                attempt=self._pacing.attempt,
                had_lived=lived_s >= self._reconnect.max_s,
                may_be_absent=self._may_be_absent(self._ref),
            )
            self._tell(StreamWord.BACKING_OFF, reconnects, last, retry_at=self._clock.now() + delay_s)
            await self._pause(delay_s, may_be_nudged=last.retry is Retry.SLOW)
            reconnects += 1
            METERS.count(metrics.STREAM_RECONNECTS, self._ref.name, last.reason)

    def _delay_after(self, loss: Loss, *, lived_s: float) -> float:
        delay_s = self._pacing.delay_after(loss, lived_s=lived_s)
        if loss.retry is Retry.SLOW and self._is_replaced is not None and self._is_replaced(self._ref):
            return max(delay_s, around(STREAM_AGAIN_S, self._chance))
        return delay_s

    async def _follow(self, reconnects: int) -> Loss:
        """Open the stream and read it to its end, whichever way that comes."""
        try:
            async with contextlib.AsyncExitStack() as opened:
                stream = await self._open(opened)
                self._lived_since = self._clock.monotonic()
                self._last_byte_at = self._clock.now()
                self._has_heard = False
                self._barren += 1
                self._log.live()
                self._tell(StreamWord.LIVE, reconnects, None, connected_since=self._clock.now())
                self._on_mark(self._ref, Wake.CONNECTED, None)
                return await self._read(stream)
        except StreamRenewed as error:
            return Loss(error.reason, error.message, retry=None)  # as silence: soon, spread, and no outage
        except StreamSilent as error:
            if self._lived_since is not None:
                return silence(self._idle_timeout_s)
            self._gate.failed()  # accepted, but never answered: no server without keep-alives, one in trouble
            self._barren += 1  # or behind a proxy that buffers: nginx holds back even the head
            return loss_of(error)
        except SyncError as error:
            if isinstance(error, ServiceUnavailable):
                self._gate.failed()
            return loss_of(error)
        finally:
            self._log.close()

    async def _open(self, opened: contextlib.AsyncExitStack) -> EventStream:
        async with self._gate.turn():
            try:
                async with asyncio.timeout(self._idle_timeout_s) as patience:
                    stream = await opened.enter_async_context(
                        self._streams.open(self._ref, self._last_event_id or None)
                    )
            except TimeoutError as error:
                if not patience.expired():
                    raise
                self._barren += 1
                raise ServiceUnavailable(
                    f"the stream of {self._ref.name} was not answered within {self._idle_timeout_s:g} s"
                ) from error
            except (ServiceUnavailable, CredentialError):
                raise
            except SyncError:
                self._gate.answered()  # a refusal is an answer
                raise
            self._gate.answered()
            return stream

    async def _read(self, stream: EventStream) -> Loss:
        decoder = SseDecoder(last_event_id=self._last_event_id)
        loop = asyncio.get_running_loop()
        chunks = stream.chunks()
        try:
            async with asyncio.timeout(self._idle_timeout_s) as patience:
                async for chunk in chunks:
                    if chunk:
                        patience.reschedule(loop.time() + self._idle_timeout_s)
                        self._receive(chunk, decoder)
        except TimeoutError:
            if not patience.expired():
                raise
            return silence(self._idle_timeout_s)
        finally:
            self._pacing.heed(decoder.retry_ms)
            self._last_event_id = decoder.last_event_id
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()  # now, not when it is collected
        return clean_end()

    def _receive(self, chunk: bytes, decoder: SseDecoder) -> None:
        self._last_byte_at = self._clock.now()
        if not self._has_heard:
            self._has_heard = True
            self._barren = 0
            self._on_heard(self._ref)
        for event in decoder.feed(chunk):
            change = parse_change(event.data)
            logger().debug(EVENT_RECEIVED, config=self._ref.name, version=None if change is None else change.version)
            self._on_mark(self._ref, Wake.EVENT, change)
        if decoder.bytes_without_event > MAX_IDLE_TALK:
            raise IdleTalk(f"the stream sent {decoder.bytes_without_event} bytes without an event")

    async def _pause(self, delay_s: float, *, may_be_nudged: bool) -> None:
        if not may_be_nudged:
            await asyncio.sleep(delay_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._nudged.wait()

    def _tell(
        self,
        word: StreamWord,
        reconnects: int,
        loss: Loss | None,
        *,
        connected_since: float | None = None,
        retry_at: float | None = None,
    ) -> None:
        self._state = StreamState(
            word=word,
            connected_since=connected_since,
            reconnects=reconnects,
            reason=None if loss is None else loss.reason,
            message=None if loss is None else loss.message,
            hint=None if loss is None else loss.hint,
            retry_at=retry_at,
            barren=self._barren,
        )
        self._on_state(self._ref, self.state)
