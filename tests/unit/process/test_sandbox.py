"""What the kernel's own tables say of the sandbox, and which paths are mount points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config_sync.process.sandbox import is_hiding, is_mount_point, maps_everybody, mount_points, own_sandbox


@pytest.mark.parametrize(
    ("uid_map", "is_whole"),
    [
        ("         0          0 4294967295\n", True),
        ("", True),
        ("0 0 1\n990 990 1\n", False),
        ("0 1000 1\n", False),
    ],
)
def test_a_user_namespace_hides_users(uid_map: str, is_whole: bool) -> None:
    assert maps_everybody(uid_map) is is_whole


@pytest.mark.parametrize(
    ("options", "hides"),
    [
        ("rw,nosuid", False),
        ("rw,hidepid=invisible", True),
        ("rw,gid=4,hidepid=2,subset=pid", True),
        ("rw,hidepid=ptraceable", True),
        ("rw,hidepid=noaccess", False),
        ("rw,hidepid=1", False),
    ],
)
def test_proc_may_hide_processes(options: str, hides: bool) -> None:
    assert is_hiding(f"proc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\nproc /proc proc {options} 0 0\n") is hides


def test_mount_points_are_read_as_the_kernel_writes_them() -> None:
    text = "36 35 98:0 / /a\\040b\\134c rw - ext4 /dev/x rw\n37 36 0:5 /file /etc/file rw - tmpfs tmpfs rw\n"
    assert mount_points(text) == {"/a b\\c", "/etc/file"}


def test_the_root_is_one_and_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert is_mount_point("/proc")
    assert not is_mount_point(str(tmp_path / "file"))
    assert not own_sandbox(is_unit=False).is_unit


@pytest.mark.root
def test_a_file_on_an_overlay_is_no_mount_point_but_a_bound_one_is(tmp_path: Path) -> None:
    """There the device of a file differs from its directory's, which `os.path.ismount` takes for a mount."""
    script = """
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"; mkdir lower upper work root; touch lower/file lower/bound outside
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root
mount --bind outside root/bound
shift; exec "$@"
"""
    code = (
        "from config_sync.process.sandbox import is_mount_point as it\n"
        f"print(it({str(tmp_path / 'root/file')!r}), it({str(tmp_path / 'root/bound')!r}))"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.split() == ["False", "True"]
