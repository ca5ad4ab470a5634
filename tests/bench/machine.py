"""What the figures were taken on, and the surroundings that every measured process gets."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def machine_line(directory: Path) -> str:
    """Cores, kernel, Python, the file system of `directory`, the load before the run: one line."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{file_system_of(directory)} under {directory}, load {os.getloadavg()[0]:.1f}"
    )


def file_system_of(directory: Path) -> str:
    """The type of the file system, from mountinfo (proc(5)): of the mounts above `directory` the longest, last one."""
    found = (-1, "an unknown file system")
    path = os.path.realpath(directory)
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            point = before.split()[4]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= found[0]:
                found = (len(point), after.split()[0])
    return found[1]


def environment_in(directory: Path, **more: str) -> Mapping[str, str]:
    """For every measured process: compiled modules in `directory` (written by the warm-up), nothing of ours inherited.

    A run without ``.pyc`` files measures the compiler (110 ms); the floor gets the same.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONFIG_", "SSL"))}
    return {
        **kept,
        "PYTHONPYCACHEPREFIX": str(directory / "compiled"),
        "RUNTIME_DIRECTORY": str(directory / "runtime"),
        "STATE_DIRECTORY": str(directory / "state"),
        **more,
    }


def command(*words: str) -> list[str]:
    """``config-sync …`` as it is installed beside this Python, else as a module."""
    script = Path(sys.executable).with_name("config-sync")
    return [str(script), *words] if script.exists() else [sys.executable, "-m", "config_sync", *words]
