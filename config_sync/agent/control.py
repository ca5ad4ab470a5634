"""The control socket: one JSON object a line in, one a line out; 0600 in the runtime directory.

Requests have a ``command``:

* ``sync``: ``targets`` (none: all), ``wait``
* ``await-version``: ``targets``, ``version``, ``timeout_s``
* ``reload``: ``target``
* ``hold``: ``target``, ``for_s``, ``reason``, ``who``; ``resume``: ``target``, ``who``; ``rollback``: also ``to``
* ``reload-settings``
* ``health``: ``kind``, one of ``live``, ``ready``, ``startup``

Every answer has ``exit_code`` and ``message``, some ``hint`` and ``targets``. No answer holds a value of a document.
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
from config_sync.model import MAX_HOLD_S, Hold, Order, Resume, Rollback

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Answer: TypeAlias = "dict[str, Json]"

SOCKET_NAME = "control.sock"
MAX_REQUEST = 64 * 1024
"""Bytes of one request: names of targets only."""
MAX_WORDS = 500
"""Characters of a reason: it stands in the record, the log and the status."""
GATE_S = 300.0
"""How long ``sync --wait --version`` waits, unless it is told otherwise."""


class Commands(Protocol):
    """What the agent does when asked."""

    async def sync(self, targets: tuple[str, ...], *, wait: bool) -> Answer:
        """Mark the targets (none named: all); with `wait` the answer tells how their next pass ended."""
        ...

    async def await_version(self, targets: tuple[str, ...], version: int, *, timeout_s: float) -> Answer:
        """Whether the version or a newer one is on disk and reloaded, within that time."""
        ...

    async def reload(self, target: str) -> Answer:
        """Tell the target's consumer, owed or not."""
        ...

    async def order(self, target: str, order: Order) -> Answer:
        """Hold, resume or roll back the target."""
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
    if command in ("sync", "await-version"):
        targets = request.get("targets", [])
        if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
            raise UsageError("targets is a list of names")
        names = tuple(str(one) for one in targets)
        if command == "sync":
            return await commands.sync(names, wait=request.get("wait") is True)
        version = request.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise UsageError("version is a whole number from 1")
        timeout_s = request.get("timeout_s", GATE_S)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 <= timeout_s <= MAX_HOLD_S:
            raise UsageError("timeout_s is a number of seconds")
        return await commands.await_version(names, version, timeout_s=float(timeout_s))
    if command == "reload":
        return await commands.reload(str(request.get("target")))
    if command in ("hold", "resume", "rollback"):
        return await commands.order(str(request.get("target")), _order(str(command), request))
    if command == "reload-settings":
        return await commands.reload_settings()
    if command == "health":
        return commands.health(str(request.get("kind", "live")))
    raise UsageError("there is no such command on this socket", hint="is the agent older than this command?")


def _order(command: str, request: Mapping[str, object]) -> Order:
    """Raises UsageError."""
    who, reason, to, for_s = (request.get(name) for name in ("who", "reason", "to", "for_s"))
    texts = {"who": who, "reason": reason, "to": to}
    for name, value in texts.items():
        if not (value is None or (isinstance(value, str) and value.isprintable())):
            raise UsageError(f"{name} is one line of text")
    is_number = isinstance(for_s, (int, float)) and not isinstance(for_s, bool)
    if not (for_s is None or (is_number and 0 < float(str(for_s)) <= MAX_HOLD_S)):
        raise UsageError("a hold lasts between 0 s and 10 years", hint="without --for it lasts until it is resumed")
    by = str(who)[:MAX_WORDS] if who is not None else None
    match command:
        case "hold":
            said = str(reason)[:MAX_WORDS] if reason is not None else None
            return Hold(None if for_s is None else float(str(for_s)), said, by)
        case "resume":
            return Resume(by)
        case _:
            return Rollback(str(to) if to is not None else None, by)
