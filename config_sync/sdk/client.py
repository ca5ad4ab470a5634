"""The synchronous client: `ConfigClient`."""

from __future__ import annotations

import builtins
import logging
import os
import random
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, overload

from config_sync.errors import Stopped, SyncError
from config_sync.model import ConfigRef
from config_sync.sdk.carriers import Carrier, carrier_for
from config_sync.sdk.errors import ConfigClientError, client_error, closed
from config_sync.sdk.hearing import Hearing
from config_sync.sdk.options import GetOptions, Options, config_name, config_ref, from_environment
from config_sync.sdk.pacing import Pace
from config_sync.sdk.requests import MAX_BYTES, Answer, Request, Requests, Tries, answer_of, unmarshal
from config_sync.sdk.snapshot import Snapshot
from config_sync.sdk.types import ConfigChangeEvent, ConfigInfo, Format
from config_sync.sdk.watchers import CallingBack, Storing
from config_sync.sdk.watching import Watcher, watch
from config_sync.stop import Stop

if TYPE_CHECKING:
    from config_sync.http.fetching import Response

T = TypeVar("T")

_logger = logging.getLogger("config_sync.sdk")


class ConfigClient:
    """Reads and watches the configs of one Config Service. Any number of threads may share one.

    A call ends within (1 + `retry_count`) * `request_timeout` seconds plus the delays between its attempts; `close`
    ends every call, also in other threads, at once. Only `ConfigClientError` and its subclasses are raised.
    """

    def __init__(self, opts: Options) -> None:
        """Connects to nothing yet. Raises ConfigClientError for options that are invalid by now."""
        self._options = opts
        self._requests = Requests(opts)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._carrier: Carrier = carrier_for(self._options, self._requests)
        self._stop = Stop()

    @classmethod
    def from_env(cls) -> Self:
        """A client from ``CONFIG_SERVICE_HOST``, ``CONFIG_SERVICE_TOKEN`` and ``CONFIG_SERVICE_KEY``.

        Raises:
            ConfigClientError: one is missing, empty or invalid.
        """
        given = from_environment(os.environ)
        return cls(Options(given["host"], given["service_token"], given["encryption_key"]))

    def close(self) -> None:
        """End every call and every watch, at once, and let go of the connections. May be called again.

        A watch returns; any other call raises ConfigClientError. A given `http_client` stays open.
        """
        self._begin_after_fork()
        self._stop.set()
        self._carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options.host!r})"

    @overload
    def get(
        self, config_name: str, target_type: type[dict[str, object]], opts: GetOptions | None = None
    ) -> dict[str, object]: ...
    @overload
    def get(self, config_name: str, target_type: type[T], opts: GetOptions | None = None) -> T: ...
    def get(self, config_name: str, target_type: type[T], opts: GetOptions | None = None) -> T:
        """A config as `target_type`: `dict`, a dataclass, a Pydantic v2 model (see `config_sync.sdk.decoding`).

        Raises:
            UnauthorizedError, ForbiddenError, NotFoundError: 401, 403, 404.
            ConnectionError: no answer, or 5xx, after the retries.
            InvalidResponseError: an answer that is not the protocol's.
            DecryptionError: another key, or damaged data.
            UnmarshalError: not JSON, or it does not fit the type.
            ConfigClientError: an invalid name or option, or the client is closed.
        """
        return unmarshal(self.get_bytes(config_name, opts), target_type)

    def get_raw(self, config_name: str, opts: GetOptions | None = None) -> dict[str, object]:
        """A config as plain JSON values. Raises as `get`; UnmarshalError where the document is no object."""
        return self.get(config_name, dict, opts)

    def get_bytes(self, config_name: str, opts: GetOptions | None = None) -> bytes:
        """A config's decrypted bytes, as stored, not looked at. Raises as `get`, save UnmarshalError."""
        request = self._requests.config(config_ref(config_name, opts))
        return self._requests.open(self._ask(request, Tries(self._options)).body)

    def get_formatted(self, config_name: str, fmt: Format) -> bytes:
        """A config in plain text, as the service renders it; nothing is decrypted. Raises as `get_bytes`."""
        request = self._requests.formatted(_name(config_name), fmt)
        return self._ask(request, Tries(self._options)).body

    def list(self) -> builtins.list[ConfigInfo]:
        """What the token may read, in the service's order. Raises as `get_bytes`."""
        request = self._requests.listing()
        return self._requests.entries(self._ask(request, Tries(self._options)), request)

    def watch(self, config_name: str, callback: Callable[[ConfigChangeEvent], None]) -> None:
        """Call back for every change event of a config, in this thread, until `close` or Ctrl-C; then it returns.

        It never ends by itself: lost streams are opened again, after a delay with jitter, and `Options.on_error` is
        told. What happens while none is open is not told later (the protocol has no replay): see `watch_and_decode`.
        `Options.on_change` is called after `callback`. An exception of a callback is logged, and the watch goes on.

        Raises:
            ConfigClientError: the name is invalid.
        """
        name = _name(config_name)
        self._watch(Hearing(self._requests, name, self._pace()), CallingBack(name, callback, self._options))

    def watch_and_decode(
        self, config_name: str, target_type: type[T], snapshot: Snapshot[T], opts: GetOptions | None = None
    ) -> None:
        """Keep `snapshot` current, in this thread, until `close` or Ctrl-C; then it returns.

        The value is fetched at the start, after every (re)connect and after every event, and stored where it differs;
        `Options.on_change` is called for each that replaced another. A failure goes to `Options.on_error`, and the last
        good value stays.

        Raises:
            ConfigClientError: the name or an option is invalid.
        """
        ref = config_ref(config_name, opts)
        storing = Storing(ref, target_type, snapshot, self._options, lambda etag: self._fetch(ref, etag))
        self._watch(Hearing(self._requests, ref.name, self._pace()), storing)

    def _watch(self, hearing: Hearing, watcher: Watcher) -> None:
        self._begin_after_fork()
        try:
            watch(self._carrier, self._requests, hearing, watcher, self._stop)
        except KeyboardInterrupt:
            # As published: Ctrl-C ends the watch, and the program goes on after it.
            _logger.info("the watch of config %s ends: interrupted", hearing.name)

    def _pace(self) -> Pace:
        return Pace(self._options.retry_delay, random.random)

    def _fetch(self, ref: ConfigRef, etag: str | None) -> Answer:
        """One attempt. Raises ConfigClientError, Stopped."""
        request = self._requests.config(ref, etag)
        status: int | None = None
        try:
            response = self._once(request)
            status = response.status
            error = self._requests.judge(request, status, response.headers)
        except SyncError as raised:
            error = raised
        if error is not None:
            raise client_error(error, status=status) from error
        return answer_of(self._requests, response)

    def _ask(self, request: Request, tries: Tries) -> Response:
        while True:
            status: int | None = None
            try:
                response = self._once(request)
                status = response.status
                error = self._requests.judge(request, status, response.headers)
                if error is None:
                    return response
            except SyncError as raised:
                error = raised
            except Stopped:
                raise closed() from None
            delay_s = tries.delay_after(error)
            if delay_s is None:
                raise client_error(error, status=status, tries=tries.made) from error
            _logger.debug("%s; attempt %d follows in %.2f s", error, tries.made, delay_s)
            if self._stop.wait(delay_s):
                raise closed()

    def _begin_after_fork(self) -> None:
        """Connections and the stop are the parent's: a process that was forked makes its own."""
        if os.getpid() != self._process:
            self._begin()

    def _once(self, request: Request) -> Response:
        self._begin_after_fork()
        return self._carrier.get(
            request.url,
            self._requests.headers(request),
            timeout_s=self._requests.timeout_s,
            max_bytes=MAX_BYTES,
            stop=self._stop,
        )


_name = config_name
"""Under another word: the methods' published parameter has the function's."""

__all__ = ["ConfigClient", "ConfigClientError"]
