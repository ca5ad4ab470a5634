"""Real consumers for reload tests: processes that handle, ignore or die of signals, and their pid files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from config_sync.model import AbsolutePath, ReloadOrder
from config_sync.reloads import SignalReload
from config_sync.reloads.pidfile import ByPidFile

COUNTS = "signal.signal(signal.SIGHUP, lambda *_: os.write(1, b'HUP\\n'))"
IGNORES = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
DEFAULT = ""
WAITS = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
def told():
    while True:
        signal.sigwait([signal.SIGHUP])
        os.write(1, b'HUP\\n')
threading.Thread(target=told, daemon=True).start()
"""
DIES_IN_HANDLER = "signal.signal(signal.SIGHUP, lambda *_: os._exit(3))"


@contextlib.contextmanager
def consumer(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that is set up; killed in the end. What it writes can be read from its stdout."""
    whole = f"import os, signal, threading, time\n{code}\nos.write(1, b'ready\\n')\nwhile True: time.sleep(600)"
    argv = [sys.executable, "-S", "-c", whole]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, bufsize=0) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


def pid_file(directory: Path, text: object, *, mode: int = 0o644) -> AbsolutePath:
    """A pid file with this content."""
    path = directory / "consumer.pid"
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return AbsolutePath(str(path))


def hup(path: AbsolutePath) -> SignalReload:
    return SignalReload(signal.SIGHUP, ByPidFile(path))


def order(*, written_at: float | None = None, forced: bool = False) -> ReloadOrder:
    """One file, written just now unless another moment is said."""
    files = (AbsolutePath("/etc/app/config.yaml"),)
    moment = time.time() if written_at is None else written_at
    return ReloadOrder("app", files, files, "outdated", written_at=moment, forced=forced)
