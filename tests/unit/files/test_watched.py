"""The directories to watch."""

from __future__ import annotations

from config_sync.files import watched_directories
from config_sync.model import AbsolutePath, Layout, Target
from tests.unit.files.world import spec_of


def test_each_directory_once_in_order_and_one_for_a_set() -> None:
    files = tuple(spec_of(path) for path in ("/etc/b/x", "/etc/a/y", "/etc/b/z"))
    assert watched_directories(Target("t", files)) == (AbsolutePath("/etc/b"), AbsolutePath("/etc/a"))
    assert watched_directories(Target("t", files[:1], layout=Layout.DIRECTORY)) == (AbsolutePath("/etc/b"),)
