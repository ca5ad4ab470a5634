"""From a host name to a connected socket, with every wait bounded by the exchange."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
from typing import TypeAlias

from config_sync.http.exchange import Exchange

Place: TypeAlias = "tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]"
"""An address family and an address of it."""

# Keep-alive: a cut link is noticed in 60 s instead of never (tcp(7)); also for data that nobody acknowledges.
SOCKET_OPTIONS: tuple[tuple[int, int, int], ...] = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)

_NEXT_ADDRESS_S = 0.25
"""How long one address may keep the next one waiting (RFC 8305, section 5)."""


class _LookUp:
    """One getaddrinfo in a daemon thread; `fileno` is readable when it has ended."""

    def __init__(self, host: str, port: int) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.addresses: list[Place] = []
        self.error: OSError | None = None
        threading.Thread(target=self._run, args=(host, port), name="look-up", daemon=True).start()

    def _run(self, host: str, port: int) -> None:
        try:
            self.addresses = _getaddrinfo(host, port)
        except OSError as error:
            self.error = error
        os.eventfd_write(self._fd, 1)

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        # Here and not after the wait: the thread of an abandoned look-up still writes to it.
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _getaddrinfo(host: str, port: int, flags: int = 0) -> list[Place]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:  # a label that is empty or has over 63 characters; its text quotes the whole name
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def look_up(host: str, port: int, exchange: Exchange) -> list[Place]:
    """The addresses of `host`, in the order to try them.

    Raises:
        OSError: it has none (socket.gaierror), or the resolver gave up.
        Stopped, DeadlinePassed: as `Exchange.wait`.
    """
    try:
        return _getaddrinfo(host, port, socket.AI_NUMERICHOST)  # an address needs no look-up and no thread
    except OSError:
        running = _LookUp(host, port)
    exchange.wait({running.fileno(): select.POLLIN})
    if running.error is not None:
        raise running.error
    return running.addresses


def connect(addresses: list[Place], exchange: Exchange) -> socket.socket:
    """A connection to the first address that answers; each gets a head start of `_NEXT_ADDRESS_S` on the next.

    Raises:
        OSError: the last refusal, when all refused.
        Stopped, DeadlinePassed: as `Exchange.wait`.
    """
    waiting = list(addresses)
    trying: dict[int, socket.socket] = {}
    error = OSError(0, "no address to connect to")
    try:
        while waiting or trying:
            if waiting:
                family, address = waiting.pop(0)
                sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
                trying[sock.fileno()] = sock
                if (number := sock.connect_ex(address)) not in (0, errno.EINPROGRESS):
                    error = OSError(number, os.strerror(number))
                    trying.pop(sock.fileno()).close()
                    continue
            wanted = dict.fromkeys(trying, select.POLLOUT)
            for descriptor in exchange.wait(wanted, at_most_s=_NEXT_ADDRESS_S if waiting else None):
                sock = trying.pop(descriptor)
                if not (number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                    return sock
                error = OSError(number, os.strerror(number))
                sock.close()
        raise error
    finally:
        for loser in trying.values():
            loser.close()
