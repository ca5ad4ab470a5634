"""Requests and streams through an `httpx.Client` of the program's own, which is never closed here.

Nothing is known of such a client: its transport may be a proxy, a test double, anything. So a request runs in a daemon
thread, and the caller waits for what comes of it beside the stop and the deadline; that holds while connecting too, and
against a body that drips. Whoever stops waiting shuts down the connection's socket where it is known, so that the
thread ends; where it is not, the client's own timeouts end it.
"""

from __future__ import annotations

import contextvars
import functools
import math
import os
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from config_sync.errors import SyncError
from config_sync.http.bodies import CappedBody
from config_sync.http.failures import DeadlinePassed, StreamSilent, fold_headers, origin_of, translate
from config_sync.http.fetching import Response
from config_sync.http.foreign import body_chunks, client_failure, encoded
from config_sync.http.library import httpx
from config_sync.stop import Stop

_AHEAD = 16
"""Chunks that the thread may read before somebody takes them."""
_WAITING = "waiting for the answer"


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: Mapping[str, str]


_Word: TypeAlias = "_Head | bytes | Exception | None"
"""What the thread says: first a head, then chunks, then None at a clean end; an exception at any time."""


class Borrowed:
    """Requests through `client`. Any thread may call it, if the client allows that (httpx's own does)."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int, stop: Stop) -> Response:
        """See `Fetcher.get`. The client's own timeouts hold too."""
        deadline = time.monotonic() + timeout_s
        with _Errand(self._client, url, headers, None) as errand:
            take = functools.partial(self._take, errand, stop, url, deadline, timeout_s)
            head = take()
            assert isinstance(head, _Head)
            if not 200 <= head.status < 300:
                return Response(head.status, head.headers, b"")
            body = CappedBody(url, head.headers, max_bytes)
            while isinstance(chunk := take(stage="reading the body"), bytes):
                body.add(chunk)
            return Response(head.status, head.headers, body.whole())

    @contextmanager
    def stream(
        self, url: str, headers: Mapping[str, str], *, connect_timeout_s: float, idle_timeout_s: float, stop: Stop
    ) -> Iterator[BorrowedStream]:
        """See `config_sync.http.listening.listening`."""
        # The client's own read timeout would end every quiet stream.
        timeout = httpx.Timeout(
            connect=connect_timeout_s, read=idle_timeout_s, write=connect_timeout_s, pool=connect_timeout_s
        )
        allowed_s = connect_timeout_s + idle_timeout_s
        with _Errand(self._client, url, headers, timeout) as errand:
            head = self._take(errand, stop, url, time.monotonic() + allowed_s, allowed_s)
            assert isinstance(head, _Head)
            yield BorrowedStream(head.status, head.headers, errand, url, idle_timeout_s, stop)

    def close(self) -> None:
        """Nothing: the client is its owner's."""

    @staticmethod
    def _take(
        errand: _Errand, stop: Stop, url: str, deadline: float, allowed_s: float, *, stage: str = _WAITING
    ) -> _Word:
        try:
            word = errand.take(stop, deadline - time.monotonic())
        except DeadlinePassed:
            late = DeadlinePassed(f"not done within {allowed_s:g} s")
            raise translate(late, url=url, stage=stage) from None
        if isinstance(word, Exception):
            raise client_failure(word, url=url, stage=stage, is_answered=stage != _WAITING) from word
        return word


class BorrowedStream:
    """An open response. `headers` have lower-case names."""

    def __init__(
        self, status: int, headers: Mapping[str, str], errand: _Errand, url: str, idle_timeout_s: float, stop: Stop
    ) -> None:
        self.status = status
        self.headers = headers
        self._errand = errand
        self._url = url
        self._idle_timeout_s = idle_timeout_s
        self._stop = stop

    def chunks(self, meanwhile: Callable[[], float]) -> Iterator[bytes]:
        """See `config_sync.http.listening.Listening.chunks`."""
        while True:
            word = self._next(meanwhile)
            if word is None:
                return
            if isinstance(word, httpx.ReadTimeout):
                raise self._silent() from word
            if isinstance(word, Exception):
                raise client_failure(word, url=self._url, stage="the stream broke off", is_answered=True) from word
            assert isinstance(word, bytes)
            yield word

    def _next(self, meanwhile: Callable[[], float]) -> _Word:
        silent_at = time.monotonic() + self._idle_timeout_s
        while True:
            due_s = meanwhile()
            left_s = silent_at - time.monotonic()
            try:
                return self._errand.take(self._stop, min(left_s, due_s))
            except DeadlinePassed as error:
                if left_s <= due_s:
                    raise self._silent() from error

    def _silent(self) -> SyncError:
        return StreamSilent(f"{origin_of(self._url)}: the stream was silent for {self._idle_timeout_s:g} s")


class _Errand:
    """One request in a thread of its own; leaving it ends both."""

    def __init__(
        self, client: httpx.Client, url: str, headers: Mapping[str, str], timeout: httpx.Timeout | None
    ) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._timeout = timeout
        self._words: queue.SimpleQueue[_Word] = queue.SimpleQueue()
        self._ready = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._room = threading.Semaphore(_AHEAD)
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        # With the caller's context: a program's hooks may read its variables.
        run = functools.partial(contextvars.copy_context().run, self._run)
        threading.Thread(target=run, name="config-sync-request", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over.set()
            sock = self._sock
            if sock is not None:
                with suppress(OSError):
                    # Of the plain class: an SSLSocket's own would take its state away under the reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._room.release()

    def __del__(self) -> None:
        os.close(self._ready)

    def take(self, stop: Stop, at_most_s: float) -> _Word:
        """The thread's next word. Raises Stopped, DeadlinePassed."""
        poll = select.poll()
        poll.register(self._ready, select.POLLIN)
        poll.register(stop.fileno(), select.POLLIN)
        stop.check()
        poll.poll(None if at_most_s == math.inf else math.ceil(max(0.0, at_most_s) * 1000))
        stop.check()
        try:
            os.eventfd_read(self._ready)
        except BlockingIOError:
            raise DeadlinePassed from None
        self._room.release()
        return self._words.get()

    def _say(self, word: _Word) -> bool:
        """Whether somebody still listens."""
        if self._over.is_set():
            return False
        self._room.acquire()
        if self._over.is_set():
            return False
        self._words.put(word)
        os.eventfd_write(self._ready, 1)
        return True

    def _run(self) -> None:
        try:
            self._exchange()
        except httpx.HTTPStatusError as error:  # a hook of the program that judges by itself: its status counts
            self._say(_Head(error.response.status_code, fold_headers(error.response.headers.raw)))
        except Exception as error:  # noqa: BLE001  # whatever a foreign transport or hook raises goes to the caller
            self._say(error)
        finally:
            with self._lock:
                self._sock = None

    def _exchange(self) -> None:
        request = self._client.build_request("GET", self._url, headers=encoded(self._headers))
        if self._timeout is not None:
            request.extensions["timeout"] = self._timeout.as_dict()
        request.extensions["trace"] = self._trace
        # Never followed: the token's header would travel along.
        response = self._client.send(request, stream=True, follow_redirects=False)
        try:
            self._know(response.extensions.get("network_stream"))
            if not self._say(_Head(response.status_code, fold_headers(response.headers.raw))):
                return
            if 200 <= response.status_code < 300:
                for chunk in body_chunks(response):
                    if chunk and not self._say(chunk):
                        return
            with self._lock:
                self._sock = None  # the connection is the client's again
            self._say(None)
        finally:
            with self._lock:
                self._sock = None
            response.close()

    def _trace(self, event: str, info: Mapping[str, object]) -> None:
        """Told of each step; see "trace" in httpcore's documentation of extensions."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._know(info.get("return_value"))

    def _know(self, stream: object) -> None:
        look = getattr(stream, "get_extra_info", None)
        sock = look("socket") if callable(look) else None
        with self._lock:
            if isinstance(sock, socket.socket):
                self._sock = sock
            if self._over.is_set():
                raise _Left


class _Left(Exception):
    """Nobody listens any more."""
