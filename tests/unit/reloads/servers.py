"""Consumers that are told by HTTP: real sockets on this machine, each with one way to answer."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Asked:
    """What a server was asked: method and target, and the headers, in lower case."""

    url: str
    lines: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def answering(status: int, *, headers: dict[str, str] | None = None, body: bytes = b"") -> Iterator[Asked]:
    """A server that answers everything with this."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            asked.lines.append(f"{self.command} {self.path}")
            asked.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # a client need not want all of it
                self.wfile.write(body)

        do_POST = do_PUT = do_GET = handle_any  # noqa: N815  # the names that the library calls

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = Asked(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that takes one connection, reads something, and then does what `talk` does."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(120)
                connection.recv(65536)
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(120)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()
