"""The control socket: one JSON object a line in, one a line out; 0600 in the runtime directory.

Requests: ``{"command": "sync", "targets": […], "wait": true}``, ``{"command": "reload", "target": …}``,
``{"command": "reload-settings"}``, ``{"command": "health", "kind": "live" | "ready" | "startup"}``. Every answer has
``exit_code`` and ``message``, some ``hint`` and ``targets``. No answer holds a value of a document.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, TypeAlias

from config_sync.errors import ConfigSyncError, Exit, FileError, StateLocked, UsageError
from config_sync.log import COMMAND_RECEIVED, STATE_UNAVAILABLE, logger

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Answer: TypeAlias = "dict[str, Json]"

SOCKET_NAME = "control.sock"
MAX_REQUEST = 64 * 1024
"""Bytes of one request: names of targets only."""


class Commands(Protocol):
    """What the agent does when asked."""

    async def sync(self, targets: tuple[str, ...], *, wait: bool) -> Answer:
        """Mark the targets (none named: all); with `wait` the answer tells how their next pass ended."""
        ...

    async def reload(self, target: str) -> Answer:
        """Tell the target's consumer, owed or not."""
        ...

    async def reload_settings(self) -> Answer:
        """Read the settings again."""
        ...

    def health(self, kind: str) -> Answer:
        """Exit code 0 or 1."""
        ...


def answer(exit_code: int, message: str, *, hint: str | None = None, targets: list[Json] | None = None) -> Answer:
    """One answer."""
    made: Answer = {"exit_code": int(exit_code), "message": message}
    if hint is not None:
        made["hint"] = hint
    if targets is not None:
        made["targets"] = targets
    return made


@contextlib.asynccontextmanager
async def listening(runtime_dir: str, commands: Commands, *, is_needed: bool = True) -> AsyncIterator[None]:
    """Answer on the socket while inside; where none can be made and none `is_needed`, say so and do without.

    Raises:
        StateLocked: another agent answers there.
        FileError: the socket cannot be made.
    """
    path = os.path.join(runtime_dir, SOCKET_NAME)
    try:
        made = _bind(path)
    except FileError as error:
        if is_needed:
            raise
        logger().warning(STATE_UNAVAILABLE, path=path, reason=error.message, hint=error.hint)
        yield
        return
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            # Only the end below cancels it. asyncio's own callback trips over a cancelled one, with a traceback.
            with contextlib.suppress(asyncio.CancelledError):
                await _serve(reader, writer, commands)
        finally:
            busy.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=made, limit=MAX_REQUEST)
    try:
        yield
    finally:
        server.close()
        for task in busy:
            task.cancel()
        with contextlib.suppress(OSError):
            os.unlink(path)


def _bind(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if os.path.exists(path):
            _clear(path)
        made.bind(path)
        os.chmod(path, 0o600)  # before it listens: nobody can have connected under the umask's mode
        made.listen(16)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise FileError(
            f"cannot make the control socket {path}: {error.strerror or error}",
            hint="set agent.runtime_dir to a directory that this user can write (its path at most 100 characters)",
            errno=error.errno,
            step="bind",
        ) from error
    except BaseException:
        made.close()
        raise
    return made


def _clear(path: str) -> None:
    """Remove a dead agent's socket; one that answers belongs to an agent that lives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise StateLocked(
        f"another agent answers on {path}",
        hint="stop it first, or give this one its own agent.runtime_dir and agent.state_dir",
    )


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, commands: Commands) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            reply = answer(Exit.USAGE, "the request is too long")
        else:
            if not line.endswith(b"\n"):
                return
            reply = await _answer(line, commands)
        writer.write(json.dumps(reply).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()


async def _answer(line: bytes, commands: Commands) -> Answer:
    try:
        request: object = json.loads(line)
        if not isinstance(request, dict):
            raise UsageError("a request is a JSON object")
        return await _do(request, commands)
    except ConfigSyncError as error:
        return answer(error.exit_code, error.message, hint=error.hint)
    except (ValueError, RecursionError):
        return answer(Exit.USAGE, "a request is one line of JSON")


async def _do(request: Mapping[str, object], commands: Commands) -> Answer:
    command = request.get("command")
    if command != "health":
        logger().info(COMMAND_RECEIVED, trigger=str(command)[:40])
    if command == "sync":
        targets = request.get("targets", [])
        if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
            raise UsageError("targets is a list of names")
        return await commands.sync(tuple(str(one) for one in targets), wait=request.get("wait") is True)
    if command == "reload":
        return await commands.reload(str(request.get("target")))
    if command == "reload-settings":
        return await commands.reload_settings()
    if command == "health":
        return commands.health(str(request.get("kind", "live")))
    raise UsageError("there is no such command on this socket", hint="is the agent older than this command?")
