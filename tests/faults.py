"""A server on raw sockets that does wrong what a server can do wrong, over real loopback connections.

A `FaultServer` plays one `Behaviour` for each request, in a thread for each connection. What it was asked is in
`requests`. Leaving it closes every socket and joins every thread; nothing it does outlives the test.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.loopback_server import LoopbackServer


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; header names are in lower case."""

    target: str
    headers: Mapping[str, str]
    connection: int
    """Counts the server's connections from 0."""


@dataclass(slots=True)
class Conversation:
    """One request on one connection, and the means to answer it badly."""

    request: Request
    sock: socket.socket
    over: threading.Event = field(repr=False)
    """Set when the server is closed; every wait of a behaviour waits on it."""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def drip(self, data: bytes, *, every_s: float) -> None:
        """Send a byte, wait, send the next."""
        for number in range(len(data)):
            if self.over.wait(every_s):
                return
            self.send(data[number : number + 1])

    def hold(self) -> None:
        """Say nothing until the client gives up or the server is closed."""
        while not self.over.is_set():
            if not self.sock.recv(65536):
                return


Behaviour: TypeAlias = Callable[[Conversation], "bool | None"]
"""Answers one request. True: the connection may carry another; else it is closed."""


def head(status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A status line and headers, with the empty line."""
    lines = [f"HTTP/1.1 {status} Because", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """A whole, correct answer on a connection that is kept. Underscores in header names stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if status not in (204, 304):
        given.setdefault("Content-Length", str(len(body)))

    def play(conversation: Conversation) -> bool:
        conversation.send(head(status, given) + body)
        return True

    return play


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each behaviour for one request, the last one for all that follow."""
    left = list(behaviours)

    def play(conversation: Conversation) -> bool | None:
        return (left.pop(0) if len(left) > 1 else left[0])(conversation)

    return play


def reset(conversation: Conversation) -> None:
    """RST instead of an answer: SO_LINGER of 0 (socket(7))."""
    conversation.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(conversation: Conversation) -> None:
    """A clean end without a word."""


def half_open(conversation: Conversation) -> None:
    """The request is read, and nothing ever comes."""
    conversation.hold()


def garbage(conversation: Conversation) -> None:
    """Not HTTP."""
    conversation.send(b"\x16\x03\x01 SECRET-CANARY is not a status line\r\n\r\n")
    conversation.hold()


def drip_headers(*, every_s: float = 0.05) -> Behaviour:
    """Headers that never end, a byte at a time."""

    def play(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
        conversation.drip(b"a" * 10_000, every_s=every_s)

    return play


def drip_body(*, every_s: float = 0.05, declared: int = 10_000) -> Behaviour:
    """A body that comes a byte at a time; then the connection ends, as it says."""

    def play(conversation: Conversation) -> None:
        conversation.send(head(headers={"Content-Length": str(declared), "Connection": "close"}))
        conversation.drip(b"a" * declared, every_s=every_s)

    return play


def truncate(body: bytes, *, declared: int) -> Behaviour:
    """Fewer bytes than were declared, then a clean end."""

    def play(conversation: Conversation) -> None:
        conversation.send(head(headers={"Content-Length": str(declared)}) + body)

    return play


def endless(conversation: Conversation) -> None:
    """A body without a length and without an end, as fast as it goes."""
    conversation.send(head())
    while not conversation.over.is_set():
        conversation.send(b"a" * 65536)


def stream(*chunks: bytes, then: Behaviour | None = None, content_type: str = "text/event-stream") -> Behaviour:
    """An event stream: the chunks, then another behaviour; without one it ends cleanly.

    It says that the connection closes with it: a client that pools connections would else race with our close, and
    now and then send its next request into a reset.
    """
    said = {"Content-Type": content_type, "Transfer-Encoding": "chunked", "Connection": "close"}

    def play(conversation: Conversation) -> None:
        conversation.send(head(headers=said))
        for chunk in chunks:
            conversation.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if then is None:
            conversation.send(b"0\r\n\r\n")
        else:
            then(conversation)

    return play


class FaultServer(LoopbackServer):
    """Listens on 127.0.0.1; a context manager. `tls` makes it speak TLS.

    `greeting` is said to each client before it is listened to; after an empty one the connection is closed at once.
    """

    def __init__(
        self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, greeting: bytes | None = None
    ) -> None:
        super().__init__(self._converse)
        self.behaviour = behaviour
        self._greeting = greeting
        self.requests: list[Request] = []
        self._tls = tls

    @property
    def url(self) -> str:
        """Its base URL, by address for http and by the name ``localhost`` for https."""
        return f"http://127.0.0.1:{self.port}" if self._tls is None else f"https://localhost:{self.port}"

    def _converse(self, plain: socket.socket, number: int) -> None:
        if self._tls is None:
            self._answer(plain, number)
            return
        wrapped = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self.kept(wrapped, instead_of=plain) as sock:
            sock.do_handshake()
            self._answer(sock, number)

    def _answer(self, sock: socket.socket, number: int) -> None:
        if self._greeting is not None:
            sock.sendall(self._greeting)
        while self._greeting != b"" and (request := _read_request(sock, number)) is not None:
            self.requests.append(request)
            if not self.behaviour(Conversation(request, sock, self.over)):
                break


def _read_request(sock: socket.socket, connection: int) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sock.recv(65536)):
            return None
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    target = first.split(" ")[1] if first.startswith("GET ") else ""
    return Request(target, {name.lower(): value.strip() for name, _, value in pairs}, connection)


@contextlib.contextmanager
def refused_port() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, and not listened on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        yield port


@contextlib.contextmanager
def unanswering_port() -> Iterator[int]:
    """A port whose connects hang: its backlog is full, and Linux drops what comes then (listen(2))."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
