"""`config-sync demo`: the whole story, and nothing left of it however it ends."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Home, home_at
from tests.waiting import eventually


@pytest.fixture
def home() -> Iterator[Home]:
    """With a short path, as users have it: the demo's socket lies some directories below."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(f"{root}/tmp")
        yield home_at(Path(root), "http://127.0.0.1:1")


def processes_of(home: Home) -> list[str]:
    """The command lines of processes that name the home's temporary directory."""
    found: list[str] = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace")
        except OSError:
            continue
        if f"{home.root}/tmp" in words:
            found.append(words)
    return found


def test_it_shows_three_changes_and_leaves_nothing(home: Home) -> None:
    others = {"CONFIG_SERVICE_TOKEN_FILE": "/nowhere/token", "CREDENTIALS_DIRECTORY": "/nowhere"}
    ended = home.command("demo", env={"TMPDIR": f"{home.root}/tmp", **others}, timeout_s=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    for number in (1, 2, 3):
        assert f"change {number}  saved" in ended.stdout
    for word in ("event", "file", "signal", "consumer", "settled"):
        assert len(re.findall(rf"\+[0-9]+\.[0-9] ms  {word}", ended.stdout)) == 3
    assert "greeting: goodbye" in ended.stdout
    assert "What to try next" in ended.stdout
    assert os.listdir(home.root / "tmp") == []
    assert processes_of(home) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_it_leaves_nothing_when_it_is_ended(home: Home, number: signal.Signals) -> None:
    with home.start("demo", env={"TMPDIR": f"{home.root}/tmp"}) as demo:
        demo.until_said("change 1")
        os.killpg(demo.pid, number)  # as a terminal does
        assert demo.process.wait(60) == -number
        demo.close()
        assert demo.err == ""
        assert os.listdir(home.root / "tmp") == []
        eventually(lambda: processes_of(home) == [])
