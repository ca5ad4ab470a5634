"""What every test's server on raw sockets is made of: a listener, a thread for each connection, and a sure end."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

S = TypeVar("S", bound=socket.socket)


class LoopbackServer:
    """Listens on 127.0.0.1; a context manager. Leaving it closes every socket and joins every thread.

    `serve` is given each connection and its number, counted from 0; an OSError in it ends that connection alone.
    """

    def __init__(self, serve: Callable[[socket.socket, int], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.over = threading.Event()
        """Set when the server is left; whatever waits in it waits for that too."""
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        """Accepted so far."""

    def __enter__(self) -> Self:
        self.start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.break_off()
        for thread in tuple(self._threads):
            thread.join(timeout=60)
            assert not thread.is_alive(), "a thread of the server does not end"
        self._listener.close()

    @property
    def open_connections(self) -> int:
        """Those that neither side has closed."""
        with self._lock:
            return len(self._open)

    def break_off(self) -> None:
        """End every connection that is open now, whatever is done with it."""
        with self._lock:
            for sock in self._open:
                _shut(sock)

    def start(self, target: Callable[[], None]) -> threading.Thread:
        """A thread that is joined at the end."""
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    @contextlib.contextmanager
    def kept(self, sock: S, *, instead_of: socket.socket | None = None) -> Iterator[S]:
        """While inside, the socket is one of those that are open; it is closed on leaving."""
        with self._lock:
            if instead_of is not None:  # TLS has taken its descriptor
                self._open.discard(instead_of)
            self._open.add(sock)
        if self.over.is_set():
            _shut(sock)
        try:
            yield sock
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            self.start(functools.partial(self._with, sock, number))

    def _with(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), self.kept(sock):
            self._serve(sock, number)


def _shut(sock: socket.socket) -> None:
    """End both directions; of TLS too, without a word of that."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
