"""Asking the agent: where it is looked for, and what is said when no agent answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.cli.asking import ask, code_of, runtime_dir_of
from config_sync.errors import Exit, NoAgent
from config_sync.settings import default_runtime_dir


def test_the_directory_is_the_one_given_else_the_variable_else_the_agents_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONFIG_SYNC_RUNTIME_DIR", "/variable")
    assert runtime_dir_of("/given") == "/given"
    assert runtime_dir_of(None) == "/variable"
    monkeypatch.delenv("CONFIG_SYNC_RUNTIME_DIR")
    for environ in ({"RUNTIME_DIRECTORY": "/run/one:/run/two"}, {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": "/xdg"}):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert runtime_dir_of(None) == default_runtime_dir(environ)


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[list[bytes]]:
    """Something on the socket that says the first of these (nothing: it waits) to each who asks."""
    said: list[bytes] = []
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    if over.is_set():
                        return
                    line.recv(4096)
                    line.sendall(said[0]) if said else over.wait(5)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield said
        over.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(tmp_path / "control.sock"))
            thread.join(60)


@pytest.mark.parametrize("said", [b"", b"no json\n", b"[1]\n", b"\xff\n", b'{"exit_code": 0'], ids=repr)
def test_what_answers_otherwise_than_an_agent_is_none(tmp_path: Path, answers: list[bytes], said: bytes) -> None:
    answers.append(said)
    with pytest.raises(NoAgent) as caught:
        ask(str(tmp_path), {"command": "health"}, timeout_s=5)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code is Exit.SERVICE


def test_an_agent_that_does_not_answer_in_time_is_told(tmp_path: Path, answers: list[bytes]) -> None:
    with pytest.raises(NoAgent, match=r"within 0\.05 s"):
        ask(str(tmp_path), {"command": "health"}, timeout_s=0.05)


def test_nobody_there_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(NoAgent, match="No such file or directory"):
        ask(str(tmp_path), {}, timeout_s=1)
    (tmp_path / "control.sock").touch()
    with pytest.raises(NoAgent, match="Connection refused"):
        ask(str(tmp_path), {}, timeout_s=1)


@pytest.mark.parametrize(
    ("answer", "code"), [({"exit_code": 5}, 5), ({}, 70), ({"exit_code": "5"}, 70)], ids=["a code", "none", "a text"]
)
def test_an_answer_without_a_code_is_a_bug(answer: dict[str, object], code: int) -> None:
    assert code_of(answer) == code
