"""The control socket over a real one: who may have it, and what it answers to those who ask badly."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from config_sync.agent.control import GATE_S, MAX_REQUEST, Answer, answer, listening
from config_sync.errors import Exit, FileError, StateLocked, UsageError
from config_sync.model import Hold, Order, Resume, Rollback


class Commanded:
    """Notes what it was asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    async def sync(self, targets: tuple[str, ...], *, wait: bool) -> Answer:
        self.asked.append(("sync", targets, wait))
        return answer(Exit.DONE, "done", targets=[{"name": one} for one in targets])

    async def reload(self, target: str) -> Answer:
        self.asked.append(("reload", target))
        raise UsageError("no such target", hint="look again")

    async def await_version(self, targets: tuple[str, ...], version: int, *, timeout_s: float) -> Answer:
        self.asked.append(("gate", targets, version, timeout_s))
        return answer(Exit.DONE, "done")

    async def order(self, target: str, order: Order) -> Answer:
        self.asked.append((target, order))
        return answer(Exit.DONE, "done")

    async def reload_settings(self) -> Answer:
        self.asked.append(("reload-settings",))
        return answer(Exit.SETTINGS, "bad")

    def health(self, kind: str) -> Answer:
        return answer(Exit.DONE, kind)


def conversation(runtime_dir: Path, *lines: bytes) -> tuple[list[dict[str, object]], Commanded]:
    """The answers to the lines, sent on one connection, and what was commanded."""
    commanded = Commanded()

    async def talk() -> list[dict[str, object]]:
        async with listening(str(runtime_dir), commanded):
            reader, writer = await asyncio.open_unix_connection(str(runtime_dir / "control.sock"))
            said: list[dict[str, object]] = []
            for line in lines:
                writer.write(line + b"\n")
                async with asyncio.timeout(5):
                    said.append(json.loads(await reader.readline()))
            writer.close()
            await writer.wait_closed()
            return said

    return asyncio.run(talk()), commanded


def test_orders_and_the_gate_arrive_as_they_were_meant(tmp_path: Path) -> None:
    said, commanded = conversation(
        tmp_path / "run",
        b'{"command": "hold", "target": "x", "for_s": 60, "reason": "4711", "who": "ada"}',
        b'{"command": "hold", "target": "x"}',
        b'{"command": "resume", "target": "x", "who": "ada"}',
        b'{"command": "rollback", "target": "x", "to": "9c1d"}',
        b'{"command": "await-version", "targets": ["a"], "version": 7}',
        b'{"command": "await-version", "targets": ["a"], "version": 7, "timeout_s": 5}',
        b'{"command": "hold", "target": "x", "for_s": true}',
        b'{"command": "hold", "target": "x", "for_s": Infinity}',
        b'{"command": "rollback", "target": "x", "to": 7}',
    )
    assert [one["exit_code"] for one in said] == [0, 0, 0, 0, 0, 0, 2, 2, 2]
    assert commanded.asked == [
        ("x", Hold(60.0, "4711", "ada")),
        ("x", Hold()),
        ("x", Resume("ada")),
        ("x", Rollback("9c1d")),
        ("gate", ("a",), 7, GATE_S),
        ("gate", ("a",), 7, 5.0),
    ]


def test_each_line_has_its_answer_on_one_connection(tmp_path: Path) -> None:
    said, commanded = conversation(
        tmp_path / "run",
        b'{"command": "sync", "targets": ["a", "b"], "wait": true}',
        b'{"command": "sync"}',
        b'{"command": "reload", "target": "x"}',
        b'{"command": "reload-settings"}',
        b'{"command": "health", "kind": "live"}',
    )
    assert [one["exit_code"] for one in said] == [0, 0, 2, 3, 0]
    assert said[0]["targets"] == [{"name": "a"}, {"name": "b"}]
    assert (said[2]["message"], said[2]["hint"]) == ("no such target", "look again")
    assert commanded.asked == [
        ("sync", ("a", "b"), True),
        ("sync", (), False),
        ("reload", "x"),
        ("reload-settings",),
    ]
    assert not (tmp_path / "run" / "control.sock").exists()


@pytest.mark.parametrize(
    "line",
    [
        b"", b"no json", b"[]", b"null", b"\xff\xfe", b"[" * 30_000, b"{}", b'{"command": "format-disk"}',
        b'{"command": "sync", "targets": "a"}', b'{"command": "sync", "targets": [1]}', b"x" * (MAX_REQUEST + 1),
    ],
    ids=[
        "empty", "no json", "a list", "null", "no UTF-8", "deep", "no command", "an unknown one", "targets as text",
        "targets as numbers", "too long",
    ],
)  # fmt: skip
def test_a_bad_request_is_a_usage_error_and_commands_nothing(tmp_path: Path, line: bytes) -> None:
    (said,), commanded = conversation(tmp_path, line)
    assert said["exit_code"] == Exit.USAGE
    assert said["message"]
    assert commanded.asked == []


def run_with(runtime_dir: Path, inside: Callable[[], Awaitable[None]]) -> None:
    async def listen() -> None:
        async with listening(str(runtime_dir), Commanded()):
            await inside()

    asyncio.run(listen())


def test_the_socket_is_its_owners_alone_and_a_dead_agents_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def look() -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(path.stat().st_mode)

    run_with(tmp_path, look)


def test_an_agent_that_lives_keeps_its_socket(tmp_path: Path) -> None:
    async def another() -> None:
        with pytest.raises(StateLocked, match="another agent answers"):
            async with listening(str(tmp_path), Commanded()):
                pass
        assert (tmp_path / "control.sock").exists()

    run_with(tmp_path, another)


@pytest.mark.parametrize("where", ["file/run", "l" * 100], ids=["below a file", "a path too long"])
def test_a_socket_that_cannot_be_made_is_a_local_error_with_a_hint(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()

    async def nothing() -> None:
        raise AssertionError("not reached")

    with pytest.raises(FileError) as caught:
        run_with(tmp_path / where, nothing)
    assert caught.value.exit_code is Exit.WRITE
    assert "agent.runtime_dir" in str(caught.value.hint)
