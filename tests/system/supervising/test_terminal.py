"""The application behind ``exec`` has the terminal: its keys, its size, its input; and gives it back."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.program import PROGRAM, Home
from tests.system.supervising.applications import LIVES, Application, application
from tests.waiting import eventually


@dataclass(slots=True)
class Terminal:
    """A pseudo-terminal whose session a command leads."""

    keyboard: int
    process: subprocess.Popen[bytes]
    _shown: list[bytes] = field(default_factory=list)

    def watch(self) -> None:
        """Takes what is shown, until the last process has closed it (EIO, pty(7))."""
        while True:
            try:
                shown = os.read(self.keyboard, 4096)
            except OSError:
                return
            self._shown.append(shown)

    @property
    def shown(self) -> str:
        return b"".join(self._shown).decode()

    def until(self, words: str) -> None:
        """Wait until it shows them."""
        eventually(lambda: words in self.shown)

    def press(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)


def on_a_terminal(home: Home, *command: str) -> Iterator[Terminal]:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        cwd=home.root,
        env=dict(home.environ),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        terminal = Terminal(ours, process)
        reader = threading.Thread(target=terminal.watch, daemon=True)
        reader.start()
        try:
            yield terminal
        finally:
            process.kill()
            process.wait()
            reader.join(60)
            os.close(ours)


@pytest.fixture
def app(home: Home) -> Application:
    body = 'note "line $(head -1)"\nnote ready\n' + LIVES
    return application(home, body, traps="trap 'note interrupted; exit 4' INT")


@pytest.fixture
def terminal(home: Home, app: Application) -> Iterator[Terminal]:
    yield from on_a_terminal(home, *PROGRAM, "--config", str(home.settings), "exec", "--", str(app.path))


def test_it_reads_lines_and_gets_the_interrupt_once(app: Application, terminal: Terminal) -> None:
    eventually(lambda: app.pids)
    terminal.press(b"hello\n")
    app.until("ready")
    assert "line hello" in app.notes
    terminal.press(b"\x03")
    assert terminal.process.wait(60) == 4, terminal.shown
    assert app.count("interrupted") == 1


def test_a_shell_has_its_terminal_back_when_it_has_ended(home: Home) -> None:
    app = application(home, 'note "line $(head -1)"\n')
    command = " ".join([*PROGRAM, "--config", str(home.settings), "exec", "--", str(app.path)])
    shell = f"set -m; {command}; echo ended $?; read line; echo had $line"
    for terminal in on_a_terminal(home, "bash", "-c", shell):
        eventually(lambda: app.pids)
        terminal.press(b"one\n")
        terminal.until("ended 0")
        terminal.press(b"two\n")
        terminal.until("had two")
        assert "line one" in app.notes


def test_it_has_the_terminal_after_a_restart_too(home: Home) -> None:
    app = application(home, 'note "line $(head -1)"\nexit 0\n')
    command = (*PROGRAM, "--config", str(home.settings), "exec", "--", str(app.path))
    for terminal in on_a_terminal(home, *command):
        eventually(lambda: app.pids and home.socket.exists())
        assert home.ask("reload", "app").returncode == 0
        eventually(lambda: len(app.pids) == 2)
        terminal.press(b"again\n")
        assert terminal.process.wait(60) == 0, terminal.shown
        assert "line again" in app.notes
