"""Files that others replace: told when one of them really changed, and never tired of watching.

What is watched are directories (a file that is replaced takes its own watch with it): the one that holds each path, and
each that holds a link on the way to the file; so a Kubernetes volume is seen when its ``..data`` link is swapped. A
directory that is not there is awaited at the nearest parent that is. What is told is decided by looking at the files.

1. Look at the files; arm a watch over the directories as they are now; look again a moment later, since a change may
   have come before the watch.
2. On anything that moves there, and at least once a minute, look at the files; tell of those that differ, and of those
   that an event named.
3. Where the directories are no longer the same ones (removed, swapped), go back to 1.
4. Where the system has no watches left, look every five seconds instead, and try to arm again every five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

from config_sync.log import FILE_WARNED, logger

STEP_MS = 500
"""How often the watching thread looks for its stop; watchfiles' default of 50 wakes the machine 20 times a second."""
RUST_TIMEOUT_MS = 60_000
SETTLE_S = 1.0
"""After arming: when to look again for a change that came before the watch."""
POLL_S = 5.0
REARM_S = 300.0
MAX_LINKS = 40
"""Linux' own bound on links in one path."""

Look: TypeAlias = "tuple[int, ...] | None"
"""What tells one state of a file from another; None: it cannot be looked at."""


class Paths:
    """What to watch. It may be changed at any time, in the event loop: what stays misses nothing, what is new is told.

    The watch goes on meanwhile, so no change falls between an old and a new one.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._paths = tuple(dict.fromkeys(paths))
        self.changed = asyncio.Event()
        """For the watch, which clears it."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def put(self, paths: Iterable[str]) -> None:
        """Exactly these from now on."""
        wanted = tuple(dict.fromkeys(paths))
        if wanted != self._paths:
            self._paths = wanted
            self.changed.set()


async def watch_files(
    paths: Paths,
    on_change: Callable[[frozenset[str]], None],
    *,
    stop: asyncio.Event | None = None,
    step_ms: int = STEP_MS,
    poll_s: float = POLL_S,
    force_polling: bool = False,
) -> None:
    """Call `on_change` with those of `paths` that changed, until `stop` is set or the task is cancelled.

    A change is another inode, size, time of content, or mode and owner (they decide whether it can be read), also that
    of a file which came or went. `on_change` runs in the event loop, is quick and does not raise. Nothing the file
    system does ends the watch. `step_ms` is the time to wait for more changes before telling; `poll_s` and
    `force_polling` are for file systems without events.
    """
    ended = stop if stop is not None else asyncio.Event()
    watched = _Files(paths, on_change)
    while not ended.is_set():
        is_watching = False
        if not force_polling:
            is_watching = await _watch(watched, ended, step_ms=step_ms)
        if not is_watching:
            await _poll(watched, ended, poll_s=poll_s)


class _Files:
    """The files as last seen."""

    def __init__(self, paths: Paths, on_change: Callable[[frozenset[str]], None]) -> None:
        self.paths = paths
        self._on_change = on_change
        self._seen = {path: _look(path) for path in paths}
        self._is_warned = False

    def look(self, named: Collection[str] = ()) -> None:
        """Tell of what differs from the last look, and of what is `named`.

        A name counts although nothing differs: a file that was made and removed between two looks is as missing as
        before, but not for whoever made it. A path that is new among them counts too: nobody looked before.
        """
        self.paths.changed.clear()
        seen = {path: _look(path) for path in self.paths}
        changed = frozenset(
            path for path in seen if path not in self._seen or seen[path] != self._seen[path] or path in named
        )
        self._seen = seen
        if changed:
            self._on_change(changed)

    def directories(self) -> Mapping[str, Look]:
        """What to watch now, each with its identity."""
        found = set[str]().union(*(_directories_of(path) for path in self.paths))
        return {directory: _identity(directory) for directory in sorted(found)}

    def warn(self, message: str) -> None:
        """Tell once that there is no watch."""
        if not self._is_warned:
            hint = "they are looked at now and then instead; raise fs.inotify.max_user_watches or max_user_instances"
            logger().warning(FILE_WARNED, reason="WatchUnavailable", error=message, hint=hint)
        self._is_warned = True


async def _watch(watched: _Files, ended: asyncio.Event, *, step_ms: int) -> bool:
    """Watch the directories as they are now, until they differ or the end; False: no watch is to be had."""
    directories = watched.directories()
    thread = _WatchThread(tuple(directories), asyncio.get_running_loop(), step_ms=step_ms) if directories else None
    timeout_s: float | None = SETTLE_S
    try:
        while True:
            news = [ended, watched.paths.changed] if thread is None else [ended, watched.paths.changed, thread.stirred]
            await _any_of(news, timeout_s)
            timeout_s = None
            watched.look(() if thread is None else thread.take_named())
            if ended.is_set():
                return True
            if watched.directories() != directories:
                return True
            if thread is not None and thread.failure is not None:
                watched.warn(f"changes of {', '.join(directories)} cannot be watched: {thread.failure}")
                return False
    finally:
        if thread is not None:
            thread.stop()


async def _any_of(events: Iterable[asyncio.Event], timeout_s: float | None) -> None:
    """Wait until one of them is set, or so long."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _poll(watched: _Files, ended: asyncio.Event, *, poll_s: float) -> None:
    for _ in range(max(1, round(REARM_S / poll_s))):
        await _any_of([ended, watched.paths.changed], poll_s)
        watched.look()
        if ended.is_set():
            return


class _WatchThread:
    """One watch in a thread of its own: a daemon, so that nothing waits for it at the end.

    `stirred` is set in the loop whenever something moved, a minute passed, or the watch failed (`failure` says why).
    """

    def __init__(self, directories: tuple[str, ...], loop: asyncio.AbstractEventLoop, *, step_ms: int) -> None:
        self.stirred = asyncio.Event()
        self.failure: str | None = None
        self._loop = loop
        self._step_ms = step_ms
        self._stop = threading.Event()
        self._named: set[str] = set()
        threading.Thread(target=self._run, args=(directories,), name="watch-files", daemon=True).start()

    def stop(self) -> None:
        """End the thread within one step; nothing is told any more."""
        self._stop.set()

    def _run(self, directories: tuple[str, ...]) -> None:
        # Imported only when something is watched: `once` and the small commands do without it.
        from watchfiles import watch

        try:
            for changes in watch(
                *directories,
                watch_filter=None,
                recursive=False,
                step=self._step_ms,
                rust_timeout=RUST_TIMEOUT_MS,
                yield_on_timeout=True,
                raise_interrupt=False,
                ignore_permission_denied=True,
                stop_event=self._stop,
            ):
                # Handed over in the loop, so that no name falls between two looks.
                self._tell(frozenset(path for _, path in changes))
        except Exception as error:  # noqa: BLE001  # watchfiles' own error class is not public, and none may end us
            self.failure = str(error) or type(error).__name__
            self._tell(frozenset())

    def take_named(self) -> frozenset[str]:
        """The paths of all events since the last call. For the loop."""
        self.stirred.clear()
        named, self._named = frozenset(self._named), set()
        return named

    def _tell(self, named: frozenset[str]) -> None:
        # RuntimeError: the loop was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            if not self._stop.is_set():
                self._loop.call_soon_threadsafe(self._hear, named)

    def _hear(self, named: frozenset[str]) -> None:
        self._named.update(named)
        self.stirred.set()


def _look(path: str) -> Look:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )


def _identity(directory: str) -> Look:
    try:
        found = os.stat(directory)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _directories_of(path: str) -> set[str]:
    """Every directory in which a change can make `path` lead to another file (path_resolution(7))."""
    found: set[str] = set()
    walked, left, links = "/", os.path.abspath(path).split("/"), 0
    while left:
        name = left.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            walked = os.path.dirname(walked)
            continue
        step = os.path.join(walked, name)
        try:
            target = os.readlink(step)
        except OSError:  # not a link: a directory, the file, or nothing
            if not left or not os.path.isdir(step):
                found.add(walked)
                break
            walked = step
            continue
        found.add(walked)
        links += 1
        if links > MAX_LINKS:
            break
        walked = "/" if target.startswith("/") else walked
        left = target.split("/") + left
    return found
