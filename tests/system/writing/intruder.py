"""Another user's process beside the writer: looks at all it can, or plants what it can. Standard library only.

Usage: ``intruder.py WORK DIRECTORY GO VICTIM``. Says ``ready``, works until the file GO is gone, and then prints as
JSON what it got: how often it looked, how often it was denied a temp, and what it could read or plant.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable


class Intruder:
    """One way to work, over and over."""

    def __init__(self, directory: str, victim: str) -> None:
        self._directory = directory
        self._victim = victim
        self.got: dict[str, int] = {"looks": 0, "denied": 0, "planted": 0}
        self.read: list[str] = []

    def spy(self) -> None:
        """Opens every entry."""
        for name in os.listdir(self._directory):
            try:
                fd = os.open(f"{self._directory}/{name}", os.O_RDONLY | os.O_NONBLOCK)
            except PermissionError:
                self.got["denied"] += name.endswith(".tmp")
            except OSError:
                pass
            else:
                self.read.append(f"{name}: {os.read(fd, 12)!r}")
                os.close(fd)

    def plant(self) -> None:
        """Puts links to the victim, and FIFOs, in the place of temps, of the destination, and beside them."""
        for name in os.listdir(self._directory):
            path = f"{self._directory}/{name}"
            kind = (self.got["planted"] + self.got["looks"]) % 4
            with contextlib.suppress(OSError):
                if name.startswith(".config-sync-") or kind == 0:
                    os.rename(path, f"{self._directory}/taken")
                    self._put(path, kind)
                    self.got["planted"] += 1

    def _put(self, path: str, kind: int) -> None:
        match kind:
            case 0:
                os.symlink(self._victim, path)
            case 1:
                os.mkfifo(path)
            case 2:
                os.link(self._victim, path)
            case _:
                os.link(f"{self._directory}/taken", path)


def main(work: str, directory: str, go: str, victim: str) -> None:
    """Until `go` is gone."""
    intruder = Intruder(directory, victim)
    ways: dict[str, Callable[[], None]] = {"spy": intruder.spy, "plant": intruder.plant}
    print("ready", flush=True)
    while os.path.exists(go):
        ways[work]()
        intruder.got["looks"] += 1
    print(json.dumps({**intruder.got, "read": intruder.read[:5]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
