"""One endless response, read in the calling thread: what a watch of the synchronous SDK stands on.

The rules of `wire` hold here too: every wait is a poll beside the stop. httpcore asks the network only when it has
nothing left to hand out, so `chunks` may use each such wait for something else (`meanwhile`), without a second thread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from config_sync.http.engine import httpcore
from config_sync.http.exchange import Exchange
from config_sync.http.failures import DeadlinePassed, StreamSilent, fold_headers, origin_of, translate
from config_sync.http.pools import connection_failure, pool_for
from config_sync.http.tls import Tls
from config_sync.http.wire import Backend
from config_sync.stop import Stop


class Listening:
    """An open response. `headers` have lower-case names."""

    def __init__(self, raw: httpcore.Response, url: str, exchange: _Patience) -> None:
        self.status = raw.status
        self.headers: Mapping[str, str] = fold_headers(raw.headers)
        self._raw = raw
        self._url = url
        self._exchange = exchange

    def chunks(self, meanwhile: Callable[[], float]) -> Iterator[bytes]:
        """The body's bytes as they come, undecoded; ends at a clean end. To be iterated once.

        `meanwhile` is called before each wait for more; it gives the seconds after which it wants to be called again
        (`math.inf`: not before the next byte).

        Raises:
            StreamSilent: no byte for the idle timeout.
            ServiceUnavailable: the connection broke, or ended in the middle.
            Stopped: the stop was set.
        """
        self._exchange.listen(meanwhile)
        try:
            yield from self._raw.iter_stream()
        except DeadlinePassed as error:
            silent_s = self._exchange.idle_timeout_s
            raise StreamSilent(f"{origin_of(self._url)}: the stream was silent for {silent_s:g} s") from error
        except (httpcore.RemoteProtocolError, OSError) as error:
            raise translate(error, url=self._url, stage="the stream broke off", is_answered=True) from error


class _Patience(Exchange):
    """Bounded like a fetch up to the head of the answer; from then on only each silence is."""

    def __init__(self, stop: Stop, *, connect_timeout_s: float, idle_timeout_s: float) -> None:
        super().__init__(stop, timeout_s=connect_timeout_s + idle_timeout_s, connect_timeout_s=connect_timeout_s)
        self.idle_timeout_s = idle_timeout_s
        self._meanwhile: Callable[[], float] | None = None

    def listen(self, meanwhile: Callable[[], float]) -> None:
        """The head is there."""
        self._meanwhile = meanwhile
        self.deadline = math.inf

    def wait(self, wanted: Mapping[int, int], *, at_most_s: float | None = None) -> frozenset[int]:
        """See `Exchange.wait`."""
        if self._meanwhile is None:
            return super().wait(wanted, at_most_s=at_most_s)
        silent_at = time.monotonic() + self.idle_timeout_s
        while True:
            due_s = self._meanwhile()
            left_s = silent_at - time.monotonic()
            if ready := super().wait(wanted, at_most_s=max(0.0, min(left_s, due_s))):
                return ready
            if left_s <= due_s:
                raise DeadlinePassed(f"silent for {self.idle_timeout_s:g} s")


@contextmanager
def listening(
    url: str, headers: Mapping[str, str], *, tls: Tls, connect_timeout_s: float, idle_timeout_s: float, stop: Stop
) -> Iterator[Listening]:
    """The response to a GET, whatever its status, as soon as its head is there; closed on leaving.

    `connect_timeout_s` bounds look-up, connect and handshake; with `idle_timeout_s` added, the wait for the head.

    Raises:
        ServiceUnavailable: no answer.
        TlsFailed: the server's certificate or its TLS is refused.
        UnexpectedResponse: the answer is not HTTP.
        Stopped: the stop was set.
    """
    exchange = _Patience(stop, connect_timeout_s=connect_timeout_s, idle_timeout_s=idle_timeout_s)
    exchange.check()
    backend = Backend()
    backend.exchange = exchange
    pool = pool_for(tls.context() if url.startswith("https:") else None, backend)
    # As bytes: a Last-Event-ID is UTF-8 (HTML, section 9.2.3).
    raw_headers = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
    with ExitStack() as opened:
        opened.callback(pool.close)
        try:
            raw = opened.enter_context(pool.stream("GET", url, headers=raw_headers))
        except (httpcore.RemoteProtocolError, OSError) as error:
            raise connection_failure(error, url, exchange, tls=tls) from error
        yield Listening(raw, url, exchange)
