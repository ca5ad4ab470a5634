#!/usr/bin/env python3
"""A program as thousands are: reads a JSON file at its start and again on SIGHUP, and tells what it sees.

Usage: consumer.py FILE PIDFILE. It knows nothing of config-sync.
"""

import json
import os
import signal
import sys


def look(path: str) -> None:
    """Read the file and tell."""
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(f"now I see {json.dumps(json.load(file))}\n")
    sys.stdout.flush()


def main(path: str, pidfile: str) -> None:
    """Until TERM."""
    # Before anybody can know the pid: a HUP that came earlier would end the program.
    signal.signal(signal.SIGHUP, lambda _number, _frame: look(path))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    look(path)
    with open(pidfile, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
