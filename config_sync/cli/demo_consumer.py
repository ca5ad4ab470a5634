"""The demo's consumer: a small program as thousands are. It reads a file at its start, and again on SIGHUP.

Run as ``python -m config_sync.cli.demo_consumer FILE PIDFILE``; each time it has read, it prints one line of JSON with
the Unix time and what it now sees. It knows nothing of config-sync.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def main(path: str, pidfile: str) -> None:
    """Read, write the pid file, then read again on every HUP, until TERM."""
    numbers = {signal.SIGHUP, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    _read(path)
    with open(pidfile, "w") as file:
        file.write(f"{os.getpid()}\n")
    while signal.sigwait(numbers) == signal.SIGHUP:
        _read(path)


def _read(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        sees = file.read()
    print(json.dumps({"at": time.time(), "sees": sees}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
