"""The lanes of the tests: what each needs of a machine, and how Debian provides it. The one list of these things.

Standard library only: `.ci/test` runs it before and beside pytest, `conftest.py` reads it for single runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

SBIN = "/usr/sbin:/sbin"
"""Where Debian keeps daemons; not on the PATH of ordinary users."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a marker in pyproject.toml stands for. `missing` says in one clause what this machine lacks, or None."""

    missing: Callable[[], str | None]
    packages: tuple[str, ...] = ()
    """Debian's, for a machine that lacks it."""


def on_path(program: str) -> str | None:
    """The program's path, daemons included."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SBIN}")


def _program(name: str) -> Callable[[], str | None]:
    return lambda: None if on_path(name) else f"no {name} on this machine"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "only root may run these"


def _systemd() -> str | None:
    """Root, systemd's binary, and a kernel that lets us make namespaces, an overlay and a cgroup."""
    if not os.path.exists("/lib/systemd/systemd"):
        return "no systemd on this machine"
    if lacks := _root():
        return lacks
    with open("/proc/filesystems", encoding="ascii") as lines:
        known = lines.read().split()
    if absent := [name for name in ("overlay", "cgroup2") if name not in known]:
        return f"the kernel has no {absent[0]}"
    made = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--cgroup", "true"], capture_output=True, check=False
    )
    return None if made.returncode == 0 else "no right to make namespaces"


def _power_cut() -> str | None:
    """Root, loop devices, FUSE, three file systems and their tools, and the right to mount."""
    if lacks := _root():
        return lacks
    if absent := [name for name in ("mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "losetup", "chattr") if not on_path(name)]:
        return f"no {absent[0]} on this machine"
    if absent := [path for path in ("/dev/loop-control", "/dev/fuse") if not os.path.exists(path)]:
        return f"no {absent[0]}"
    with open("/proc/filesystems", encoding="ascii") as lines:
        known = lines.read().split()
    for name in ("ext4", "xfs", "btrfs", "overlay"):
        if name not in known and subprocess.run([on_path("modprobe") or "false", "-q", name], check=False).returncode:
            return f"the kernel has no {name}"
    if subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode:
        return "no loop device is free"
    made = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return None if made.returncode == 0 else "no right to mount"


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "root": Need(_root),
        "node": Need(_program("node"), ("nodejs",)),
        "nginx": Need(_program("nginx"), ("nginx-light",)),
        "strace": Need(_program("strace"), ("strace",)),
        "acl": Need(_program("setfacl"), ("acl",)),
        "power_cut": Need(_power_cut, ("e2fsprogs", "xfsprogs", "btrfs-progs", "mount")),
        "systemd": Need(_systemd, ("systemd", "util-linux")),
    }
)
"""Marker to need."""

UNIT = ("tests/unit", "tests/properties", "tests/contracts", "tests/scenarios", "tests/docs")
"""What `make unit` runs: nothing is needed but Python."""
