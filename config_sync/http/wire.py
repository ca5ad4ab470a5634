"""Sockets on which every wait ends at the deadline or at the stop: httpcore's network backend for `fetching`.

Rules: (1) every socket is non-blocking; (2) `Exchange.wait` is the only place that waits, on the socket beside the
stop's descriptor; (3) it raises Stopped or DeadlinePassed, which httpcore lets through after closing the connection;
(4) a name is looked up in a thread of its own, since getaddrinfo(3) cannot be interrupted; an abandoned look-up ends by
itself and is read by nobody.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable

from config_sync.http.connecting import SOCKET_OPTIONS, connect, look_up
from config_sync.http.engine import httpcore
from config_sync.http.exchange import Exchange


class Backend(httpcore.NetworkBackend):
    """Makes connections for one slot, under whatever `exchange` is under way there. `is_proxied`: to a proxy."""

    def __init__(self, *, is_proxied: bool = False) -> None:
        self.exchange: Exchange | None = None
        self._is_proxied = is_proxied

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the signature is httpcore's, the limits are the exchange's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """A connection to the first address that answers. The time limits are the exchange's, not `timeout`."""
        exchange = self.current()
        exchange.begin_connect()
        exchange.is_with_proxy = self._is_proxied
        exchange.stage = f"looking up {host}"
        addresses = look_up(host, port, exchange)
        exchange.stage = "connecting"
        sock = connect(addresses, exchange)
        for level, option, value in SOCKET_OPTIONS:
            sock.setsockopt(level, option, value)
        return Wire(sock, self)

    def current(self) -> Exchange:
        """The exchange under way."""
        assert self.exchange is not None, "httpcore uses the network only during a request"
        return self.exchange


class Wire(httpcore.NetworkStream):
    """One connection, plain or TLS, on a non-blocking socket that it owns."""

    def __init__(self, sock: socket.socket, backend: Backend) -> None:
        self._sock = sock
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """At most `max_bytes`; empty at the end. Raises OSError, Stopped, DeadlinePassed."""
        exchange = self._backend.current()
        while True:
            try:
                data = self._sock.recv(max_bytes)
            except (BlockingIOError, ssl.SSLWantReadError):
                exchange.wait({self._sock.fileno(): select.POLLIN})
            except ssl.SSLWantWriteError:  # TLS 1.3 key update, renegotiation
                exchange.wait({self._sock.fileno(): select.POLLOUT})
            else:
                exchange.check()  # where bytes keep coming nothing ever waits
                exchange.has_answer = exchange.has_answer or bool(data)
                exchange.has_ended = exchange.has_ended or not data
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """All of it. Raises httpcore.WriteError, Stopped, DeadlinePassed."""
        exchange = self._backend.current()
        if not buffer:  # the end of a request without a body
            return
        is_for_proxy = exchange.is_with_proxy and buffer.startswith(b"CONNECT ")
        if not is_for_proxy:  # the tunnel is part of the connection, and has its time limit
            exchange.end_connect()
            exchange.is_with_proxy = False
        exchange.stage = "asking it for a way" if is_for_proxy else "sending the request"
        left = memoryview(buffer)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                exchange.wait({self._sock.fileno(): select.POLLOUT})
            except ssl.SSLWantReadError:
                exchange.wait({self._sock.fileno(): select.POLLIN})
            except OSError as error:
                # The one error httpcore goes on after: a server may refuse early, and its answer is worth reading.
                raise httpcore.WriteError(error.strerror) from error
        exchange.stage = "waiting for its word" if is_for_proxy else "waiting for the answer"

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """The same connection under TLS; this one is used up. Raises ssl.SSLError, OSError, Stopped, DeadlinePassed."""
        exchange = self._backend.current()
        exchange.stage, exchange.is_handshake = "the TLS handshake", True
        exchange.has_answer = exchange.is_with_proxy = False  # what a proxy said is behind us
        try:
            wrapped = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
        except BaseException:
            self._sock.close()
            raise
        try:
            while True:
                try:
                    wrapped.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    exchange.wait({wrapped.fileno(): select.POLLIN})
                except ssl.SSLWantWriteError:
                    exchange.wait({wrapped.fileno(): select.POLLOUT})
        except BaseException:
            wrapped.close()
            raise
        return Wire(wrapped, self._backend)

    def get_extra_info(self, info: str) -> object:
        """What httpcore asks of a connection; None for what it need not know."""
        match info:
            case "is_readable":  # httpcore asks of an idle connection: readable means that the server has closed it
                return self._sock.fileno() < 0 or _is_readable(self._sock)
            case "ssl_object":  # httpcore asks it which protocol was negotiated
                return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
            case "socket":
                return self._sock
            case _:
                return None


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()  # not select(): descriptors above 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
