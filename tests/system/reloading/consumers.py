"""Real servers as consumers: started in the foreground, asked over HTTP, ended with all of their group."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.program import Home


@contextlib.contextmanager
def started(home: Home, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program, in the home's folder; what it says goes to the file ``said`` there."""
    with open(home.root / "said", "ab") as said:
        process = subprocess.Popen(
            words,
            cwd=home.root,
            env={**home.environ, "HOME": str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def said(home: Home) -> str:
    """All that it has said so far."""
    path = home.root / "said"
    return path.read_text(errors="replace") if path.exists() else ""


class _Local(http.client.HTTPConnection):
    """HTTP over a unix socket: no port that somebody else could take."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise


def answer_at(path: Path) -> str:
    """What the server behind the unix socket says; empty where nobody answers."""
    connection = _Local(path)
    try:
        connection.request("GET", "/")
        with contextlib.closing(connection.getresponse()) as response:
            return response.read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def answer_of(port: int, target: str) -> str:
    """What the server at the port on this machine says; empty where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", target)
        with contextlib.closing(connection.getresponse()) as response:
            return response.read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def children_of(pid: int) -> Sequence[int]:
    """Its workers."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
