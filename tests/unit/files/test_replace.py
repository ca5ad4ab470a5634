from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files.calls import Calls
from config_sync.files.replace import replace_file


class SweptAtFlock:
    """A gate: as often as it is told, another process sweeps the new file away before it is locked."""

    def __init__(self, directory: Path, times: int) -> None:
        self.directory = directory
        self.left = times

    def __call__(self, call: str) -> None:
        if call == "flock" and self.left:
            self.left -= 1
            for leftover in self.directory.glob(".config-sync-*"):
                os.unlink(leftover)


def test_a_new_file_that_another_process_swept_before_it_was_locked_is_made_again(tmp_path: Path) -> None:
    replace_file(str(tmp_path), "a.json", b"new", mode=0o600, calls=Calls(SweptAtFlock(tmp_path, 2)))

    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_sweeper_that_never_stops_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"old")

    with pytest.raises(FileError) as caught:
        replace_file(str(tmp_path), "a.json", b"new", mode=0o600, calls=Calls(SweptAtFlock(tmp_path, 1_000)))

    assert caught.value.reason == "Interfered"
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]
