"""The socket that is listened on: bound, tried again while it cannot be, and changed without losing the one that works.

The connections themselves, and the HTTP library with them, are imported with the first address that is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config_sync.backoff import Backoff, Delays
from config_sync.log import BUG_FOUND, LISTEN_FAILED, LISTEN_STARTED, logger
from config_sync.settings.listen import ListenAddress, TcpAddress, UnixAddress
from config_sync.webserver.answers import Site

if TYPE_CHECKING:
    from config_sync.webserver.connection import Connections

BACKLOG = 128
"""Connects that wait for the event loop; also how many are accepted in one of its turns."""
AGAIN = Backoff(1.0, 30.0)
"""How soon an address that is not to be had is tried again."""
UNIX_MODE = 0o666
"""Whoever reaches the socket may ask: nothing can be changed there, and ``status.json`` beside it is 0644."""


@dataclass(frozen=True, slots=True)
class _Open:
    address: ListenAddress
    server: asyncio.Server
    connections: Connections
    identity: tuple[int, int] | None
    """Device and inode of a unix socket."""

    def close(self) -> None:
        self.server.close()
        self.connections.abort_all()
        if isinstance(self.address, UnixAddress) and self.identity is not None:
            with contextlib.suppress(OSError):
                if _identity(self.address.path) == self.identity:
                    os.unlink(self.address.path)


class WebServer:
    """Answers from `site` where `follow` says. Everything here runs in the event loop."""

    def __init__(self, site: Site, *, chance: Callable[[], float]) -> None:
        self._site = site
        self._chance = chance
        self._wanted: ListenAddress | None = None
        self._open: _Open | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def address(self) -> ListenAddress | None:
        """Where it answers now; None: nowhere (yet)."""
        return None if self._open is None else self._open.address

    def follow(self, address: ListenAddress | None, *, tasks: asyncio.TaskGroup) -> None:
        """Listen there from now on, or nowhere; what is open stays until the new one is."""
        if address == self._wanted:
            return
        self._wanted = address
        self._give_up()
        if address is None:
            self._close()
        elif address != self.address:
            self._opening = tasks.create_task(self._keep_trying(address), name=f"listen on {address}")

    def stop(self) -> None:
        """Close everything."""
        self._wanted = None
        self._give_up()
        self._close()

    def _give_up(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    async def _keep_trying(self, address: ListenAddress) -> None:
        delays = Delays(AGAIN, self._chance)
        told: str | None = None
        while True:
            try:
                await self._listen(address)
            except OSError as error:
                delay_s = delays.next()
                reason = error.strerror or str(error)
                line = logger().debug if reason == told else logger().warning
                line(
                    LISTEN_FAILED,
                    address=str(address),
                    error=reason,
                    hint=_hint(address, error),
                    retry_in_s=round(delay_s, 3),
                )
                told = reason
                await asyncio.sleep(delay_s)
            else:
                logger().info(LISTEN_STARTED, address=str(address))
                return

    async def _listen(self, address: ListenAddress) -> None:
        """Raises OSError."""
        from config_sync.webserver.connection import Connection, Connections

        made = await self._bound_beside(address)
        connections = Connections()
        try:
            loop = asyncio.get_running_loop()
            # Both kinds of socket go the same way: nothing in the protocol differs.
            server = await loop.create_server(
                lambda: Connection(self._site, connections, failed=_tell_bug), sock=made, backlog=BACKLOG
            )
        except BaseException:
            made.close()
            raise
        identity = _identity(address.path) if isinstance(address, UnixAddress) else None
        self._close()
        self._open = _Open(address, server, connections, identity)

    async def _bound_beside(self, address: ListenAddress) -> socket.socket:
        """As `_bound`; where it is our own socket of the same port that is in the way, that one goes first."""
        try:
            return _bound(address)
        except OSError as error:
            port = _port_of(address)
            if error.errno != errno.EADDRINUSE or port is None or port != _port_of(self.address):
                raise
        self._close()
        await asyncio.sleep(0)  # the loop closes the server's socket in its next turn
        return _bound(address)


def _port_of(address: ListenAddress | None) -> int | None:
    return address.port if isinstance(address, TcpAddress) else None


def _bound(address: ListenAddress) -> socket.socket:
    """A socket of the address that does not listen yet. Raises OSError."""
    if isinstance(address, UnixAddress):
        return _bound_unix(address.path)
    if address.host is not None:
        return _bound_tcp(address.host, address.port, is_dual=False)
    try:
        return _bound_tcp("::", address.port, is_dual=True)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _bound_tcp("0.0.0.0", address.port, is_dual=False)  # noqa: S104  # as asked for; no IPv6 here


def _bound_tcp(host: str, port: int, *, is_dual: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual)
        made.bind((host, port))
        # Linux lets two sockets bind where neither listens yet, and refuses the second one's listen.
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _bound_unix(path: str) -> socket.socket:
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        made.bind(path)
        os.chmod(path, UNIX_MODE)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _clear(path: str) -> None:
    """Remove the socket that a dead agent left; nothing else is ever removed. Raises OSError."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # binding tells
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog says "again": somebody lives there
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _hint(address: ListenAddress, error: OSError) -> str | None:
    if error.errno == errno.EADDRINUSE and isinstance(address, TcpAddress):
        return f"another program listens there: find it with ss -ltnp 'sport = :{address.port}', or change agent.listen"
    if error.errno == errno.EADDRINUSE:
        return "another program's socket or file is there: change agent.listen"
    if error.errno == errno.EACCES:
        return "this user may not: ports below 1024 need CAP_NET_BIND_SERVICE, a socket a directory it can write"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface of this machine has this address"
    return None


def _tell_bug(error: Exception) -> None:
    """The frames, never the exception's text: it may hold anything."""
    word = type(error).__name__
    logger().error(BUG_FOUND, error=word, traceback="".join(traceback.format_tb(error.__traceback__)))
