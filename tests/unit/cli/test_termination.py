"""The reason of an end, for the kubelet: in its file where there is one, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.cli.termination import leave_reason


def test_the_reason_stands_in_place_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("an earlier and longer reason")
    leave_reason("no such config", path=str(path))
    assert path.read_text() == "no such config"


def test_no_file_is_made(tmp_path: Path) -> None:
    leave_reason("a reason", path=str(tmp_path / "log"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["link", "pipe", "directory"])
def test_what_is_no_file_is_left_alone(tmp_path: Path, what: str) -> None:
    path, other = tmp_path / "log", tmp_path / "other"
    other.write_text("mine")
    if what == "link":
        path.symlink_to(other)
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    leave_reason("a reason", path=str(path))
    assert other.read_text() == "mine"


def test_it_is_as_long_as_the_kubelet_reads_and_whole_characters(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch()
    leave_reason("é" * 4000 + "x", path=str(path))
    assert path.read_text() == "é" * 2048
