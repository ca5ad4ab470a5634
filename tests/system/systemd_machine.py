"""A machine of its own with the host's real systemd as PID 1: namespaces over a throw-away overlay of ``/``.

Needs root, cgroup 2 and overlayfs, and no package beyond systemd and D-Bus. It boots in about a second, runs one
script as ``probe.service`` with `share` mounted at ``/opt/cs``, and powers off when that script does.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

_count = itertools.count()

_BOOT = r"""
set -e
mkdir "$3"
echo $$ >"$3/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --ipc --uts --net --cgroup --propagation private sh -ec '
mount -t tmpfs -o size=1g tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
root=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
: >"$root/etc/machine-id"
rm -rf "$root"/etc/systemd/system/*.wants "$root/etc/config-sync" "$root/var/lib/config-sync"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mkdir -p "$root/opt/cs" "$root/old" "$root/etc/systemd/system/basic.target.wants"
mount --bind "$2" "$root/opt/cs"
cp "$2/probe.service" "$root/etc/systemd/system/"
ln -s ../probe.service "$root/etc/systemd/system/basic.target.wants/"
ip link set lo up 2>/dev/null || true
cd "$root"
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=basic.target --log-target=journal
' sh "$1" "$2"
"""

_PROBE = """[Unit]
DefaultDependencies=no
After=basic.target dbus.socket
[Service]
Environment=PYTHONPATH=/opt/cs/lib PYTHONDONTWRITEBYTECODE=1
ExecStart=/bin/sh -c '{python} /opt/cs/probe.py >/opt/cs/log 2>&1; exec systemctl poweroff --force --force'
"""


def run_in_machine(
    script: str, directory: Path, *, within_s: float = 60.0, prepare: Callable[[Path], None] = lambda _: None
) -> Path:
    """Boot, run a Python script that may import `config_sync`, power off; the shared folder with what it left.

    Its output is in the file ``log`` there. `prepare` may put more into the folder before.
    """
    share, scratch = directory / "share", directory / "scratch"
    library = share / "lib"
    library.mkdir(parents=True)
    scratch.mkdir()
    (share / "probe.py").write_text(script)
    # The interpreter by its real path: a virtual environment's own may lie on a mount that the machine does not see.
    python = Path(sys.executable).resolve()
    (share / "probe.service").write_text(_PROBE.format(python=python))
    package = Path(__file__).parents[2] / "config_sync"
    structlog = Path(sysconfig.get_path("purelib")) / "structlog"
    for source in (package, structlog):
        subprocess.run(["cp", "-r", str(source), str(library)], check=True)
    prepare(share)
    control = Path("/sys/fs/cgroup")
    control = control if (control / "cgroup.controllers").exists() else control / "unified"
    group = control / f"config-sync-test-{os.getpid()}-{next(_count)}"
    boot = ["sh", "-c", _BOOT, "sh", str(scratch), str(share), str(group)]
    try:
        subprocess.run(boot, timeout=within_s, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    finally:
        subprocess.run(["find", str(group), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False)
    return share
