"""uvicorn and the watch over the folder, in a thread with an event loop of its own. Imports uvicorn and watchfiles."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from watchfiles import awatch

from config_sync.devserver.folder import ConfigFolder
from config_sync.devserver.hub import Hub
from config_sync.devserver.tls import TlsPair
from config_sync.errors import UsageError

LOOK_EVERY_MS = 20
"""watchfiles wakes this often; an event waits for as much quiet. Its default of 50 is slower than an edit feels."""
DEBOUNCE_MS = 200
"""A folder that never rests is looked at this often all the same."""
RESCAN_MS = 5000
"""Also without an event: a folder that was replaced, a network file system, a link to elsewhere."""
STOP_WITHIN_S = 2
"""Streams end at once; this bounds a reader that takes nothing any more."""


class _Server(uvicorn.Server):
    """Says when it accepts."""

    def __init__(self, config: uvicorn.Config, begun: threading.Event) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, and then the word."""
        await super().startup(sockets)
        self._begun.set()


class ServingThread(threading.Thread):
    """Serves until stopped. The socket is bound already and is closed here."""

    def __init__(
        self,
        app: Starlette,
        folder: ConfigFolder,
        hub: Hub,
        listening: socket.socket,
        pair: TlsPair | None = None,
    ) -> None:
        super().__init__(name="config-service", daemon=True)
        self._folder = folder
        self._hub = hub
        self._listening = listening
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = threading.Event()
        self.failure: BaseException | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,  # above what clients keep idle connections for, so that none is closed in use
                timeout_graceful_shutdown=STOP_WITHIN_S,
                ssl_certfile=None if pair is None else pair.cert_file,
                ssl_keyfile=None if pair is None else pair.key_file,
            ),
            self._begun,
        )

    def begin(self) -> None:
        """Start; returns once every file is read and the watch is armed. Raises what went wrong."""
        self.start()
        self._begun.wait()
        if self.failure is not None:
            self.join()
            raise self.failure

    def end(self) -> None:
        """Stop, streams at once; returns when all is closed. Again, or after a failure: nothing."""
        loop = self._loop
        if loop is not None and self.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just closed by itself
                loop.call_soon_threadsafe(self._leave)
            self.join()

    def run(self) -> None:
        """The thread's life."""
        try:
            asyncio.run(self._serve())
        except (Exception, SystemExit) as error:  # noqa: BLE001 handed to whoever started the thread
            self.failure = error.exceptions[-1] if isinstance(error, ExceptionGroup) else error
        finally:
            self._listening.close()
            self._begun.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow())
            await asyncio.sleep(0)  # `_follow` runs to its first wait: the watch is armed, so the look misses nothing
            if following.done():
                raise UsageError(
                    f"cannot watch {self._folder.directory}: {following.exception()}",
                    hint="sysctl fs.inotify.max_user_instances and max_user_watches are the usual limits",
                ) from following.exception()
            self._folder.refresh()
            await self._server.serve(sockets=[self._listening])
            following.cancel()

    async def _follow(self) -> None:
        watch = awatch(
            self._folder.directory,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=LOOK_EVERY_MS,
            rust_timeout=RESCAN_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,  # one folder of others in it must not stop it; the rescan looks anyway
        )
        async for _ in watch:
            for change in self._folder.refresh():
                self._hub.publish(change)

    def _leave(self) -> None:
        self._hub.close()
        self._server.should_exit = True
