"""A program that reads a JSON file at its start and again on HUP, and tells what it sees. Usage: app.py FILE.

It knows nothing of config-sync.
"""

import json
import signal
import sys
import time


def look(path: str) -> None:
    """Read the file and tell."""
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(f"now I see {json.dumps(json.load(file))}\n")
    sys.stdout.flush()


def main(path: str) -> None:
    """Until TERM. Waits for the file, for one that starts beside its sidecar."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: look(path))
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    while True:
        try:
            look(path)
            break
        except FileNotFoundError:
            time.sleep(0.1)
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
