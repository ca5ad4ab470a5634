"""The lanes of the tests: what each needs of a machine, and how Debian provides it. The one list of these things.

Standard library only: `.ci/test` runs it before and beside pytest, `conftest.py` reads it for single runs.
"""

from __future__ import annotations

import glob
import json
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
    """Root, systemd with D-Bus and polkit, and a kernel that lets us make namespaces, an overlay and a cgroup."""
    for path in ("/lib/systemd/systemd", "/usr/bin/dbus-daemon", "/usr/lib/polkit-1/polkitd"):
        if not os.path.exists(path):
            return f"no {os.path.basename(path)} on this machine"
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


def _netns() -> str | None:
    """Root, `ip`, and a kernel that makes a network namespace with a pair of virtual cables' ends in it."""
    if lacks := _root():
        return lacks
    if (ip := on_path("ip")) is None:
        return "no ip on this machine"
    made = subprocess.run(
        ["unshare", "--net", ip, "link", "add", "one", "type", "veth", "peer", "name", "other"],
        capture_output=True,
        check=False,
    )
    return None if made.returncode == 0 else "no right to make network namespaces, or no veth"


def _oci() -> str | None:
    """Root, runc, Debian's Python with venv, and a kernel that lets us make namespaces and an overlay."""
    if lacks := _root():
        return lacks
    if on_path("runc") is None:
        return "no runc on this machine"
    if not os.access("/usr/bin/apt-get", os.X_OK):
        return "this machine is no Debian: its root stands for the base image"
    with open("/proc/filesystems", encoding="ascii") as lines:
        if "overlay" not in lines.read().split():
            return "the kernel has no overlay"
    made = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False)
    return None if made.returncode == 0 else "no right to make namespaces"


READERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "system", "readers")
"""Where package.json and its lock name the readers from npm."""


def _readers() -> str | None:
    """Shells, systemd's parser, Ruby with its dotenv, and the packages from npm as locked."""
    if absent := [name for name in ("bash", "dash", "busybox", "zsh", "mksh", "ruby") if not on_path(name)]:
        return f"no {absent[0]} on this machine"
    if not glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so"):
        return "no libsystemd-shared on this machine"
    if subprocess.run(["ruby", "-e", 'require "dotenv"; require "psych"'], capture_output=True, check=False).returncode:
        return "no dotenv for Ruby"
    return "the npm packages of tests/system/readers are not installed" if npm_is_stale() else None


def npm_is_stale() -> bool:
    """Whether the readers from npm are not there in the versions of their lock."""

    def versions(path: str) -> dict[str, str]:
        with open(os.path.join(READERS, path), encoding="utf-8") as lock:
            return {name: one["version"] for name, one in json.load(lock)["packages"].items() if name}

    try:
        return versions("node_modules/.package-lock.json") != versions("package-lock.json")
    except FileNotFoundError:
        return True


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "root": Need(_root),
        "readers": Need(_readers, ("busybox", "zsh", "mksh", "libsystemd-shared", "ruby", "ruby-dotenv")),
        "node": Need(_program("node"), ("nodejs",)),
        "nginx": Need(_program("nginx"), ("nginx-light",)),
        "haproxy": Need(_program("haproxy"), ("haproxy",)),
        "prometheus": Need(_program("promtool"), ("prometheus",)),
        "chromium": Need(_program("chromium"), ("chromium", "fonts-dejavu-core")),
        "strace": Need(_program("strace"), ("strace",)),
        "acl": Need(_program("setfacl"), ("acl",)),
        "netns": Need(_netns, ("iproute2", "util-linux")),
        "power_cut": Need(_power_cut, ("e2fsprogs", "xfsprogs", "btrfs-progs", "mount")),
        "oci": Need(_oci, ("runc", "python3-venv", "util-linux")),
        "systemd": Need(_systemd, ("systemd", "util-linux", "dbus", "polkitd")),
    }
)
"""Marker to need."""

UNIT = ("tests/unit", "tests/properties", "tests/contracts", "tests/scenarios", "tests/docs")
"""What `make unit` runs: nothing is needed but Python."""
