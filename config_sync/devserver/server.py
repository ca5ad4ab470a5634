"""Starting and stopping the embedded service: `start` for tests and the demo, `serve_forever` for the command.

starlette, uvicorn and watchfiles are imported when a service starts, and only here (start-up time, and an extra).
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from config_sync.clock import SystemClock
from config_sync.devserver.folder import ConfigFolder
from config_sync.devserver.hub import Hub
from config_sync.devserver.tls import TlsPair
from config_sync.errors import UsageError
from config_sync.log import SERVICE_WARNED, logger
from config_sync.model import EncryptionKey, Secret
from config_sync.stop import Stop

if TYPE_CHECKING:
    from config_sync.devserver.serving import ServingThread

KEEP_ALIVE_S = 15.0
"""Between two comments on a quiet stream: well under the agent's `idle_timeout` of 90 s and proxies' usual 60 s."""


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that answers at `url`. Whoever started it stops it; leaving a ``with`` does.

    `is_exposed`: it listens beyond loopback, so others on the network can reach it.
    """

    url: str
    is_exposed: bool
    token: Secret
    key: EncryptionKey
    _thread: ServingThread
    _hub: Hub

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs, as the three ``CONFIG_SERVICE_*`` variables. Holds the secrets in the clear."""
        return {
            "CONFIG_SERVICE_HOST": self.url,
            "CONFIG_SERVICE_TOKEN": self.token.reveal(),
            "CONFIG_SERVICE_KEY": self.key.raw.hex(),
        }

    @property
    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if nobody stopped it."""
        return self._thread.failure

    def watchers(self, name: str) -> int:
        """How many streams are open on a config: what a caller waits for before a change that must be seen."""
        return self._hub.watchers(name)

    def stop(self) -> None:
        """End open streams at once, then everything else; returns when it is done. May be called again."""
        self._thread.end()

    def __enter__(self) -> RunningService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    directory: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: Secret | None = None,
    key: EncryptionKey | None = None,
    keep_alive_s: float = KEEP_ALIVE_S,
    tls: TlsPair | None = None,
    tell: Callable[[str], None] | None = None,
) -> RunningService:
    """A service over the folder in a thread of its own, once it answers and watches. Port 0: any free one.

    Without a token or a key, random ones. With `tls` it speaks only that. `tell` gets one line for each file that
    cannot be served (default: the log); it is called in the service's thread.

    Raises:
        UsageError: no such folder, one that cannot be watched, an address that cannot be had, or the extra ``serve``
            is not installed; or `tls` is no usable pair.
    """
    try:
        from config_sync.devserver.app import build_app
        from config_sync.devserver.serving import ServingThread
    except ImportError as error:
        raise UsageError(
            f"the embedded service needs a package that is not installed: {error.name}",
            hint="pip install 'config-sync[serve]'",
        ) from error

    path = os.path.abspath(os.fspath(directory))
    try:
        os.listdir(path)
    except OSError as error:
        raise UsageError(
            f"cannot serve {path}: {error.strerror}",
            hint="name a folder with files such as my-service.json; `mkdir` it, or mend its permissions",
        ) from error
    folder = ConfigFolder(path, tell=tell or _log, clock=SystemClock())
    hub = Hub()
    token = token or Secret(secrets.token_urlsafe(24))
    key = key or EncryptionKey(secrets.token_hex(32))
    if tls is not None:
        tls.check()
    listening = _listen(host, port)
    url, is_exposed = _url(listening, "http" if tls is None else "https")
    app = build_app(folder, hub, token=token, key=key, keep_alive_s=keep_alive_s)
    thread = ServingThread(app, folder, hub, listening, tls)
    thread.begin()
    return RunningService(url, is_exposed, token, key, thread, hub)


def serve_forever(
    directory: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: Secret | None = None,
    key: EncryptionKey | None = None,
    keep_alive_s: float = KEEP_ALIVE_S,
    tls: TlsPair | None = None,
    tell: Callable[[str], None] | None = None,
    announce: Callable[[RunningService], None],
) -> None:
    """Serve until INT, TERM or HUP, then return. `announce` is called once it answers. For the main thread only.

    Raises:
        UsageError: as `start`.
    """
    stop = Stop()

    def leave(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in ends}
    try:
        with start(
            directory, host=host, port=port, token=token, key=key, keep_alive_s=keep_alive_s, tls=tls, tell=tell
        ) as service:
            announce(service)
            while service.is_alive and not stop.wait(1.0):
                pass
            if not stop.is_set():
                raise RuntimeError("the embedded service ended by itself") from service.failure
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket. Raises UsageError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise UsageError(
            f"cannot listen on {_bracketed(host)}:{port}: {error.strerror}",
            hint="--listen HOST:PORT names another address; port 0 takes any free one",
        ) from error
    return listening


def _url(listening: socket.socket, scheme: str) -> tuple[str, bool]:
    """Where this machine reaches it, and whether others do."""
    host, port = listening.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://{_bracketed(reachable)}:{port}", not ipaddress.ip_address(host).is_loopback


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _log(line: str) -> None:
    logger().warning(SERVICE_WARNED, error=line)
