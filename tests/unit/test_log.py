"""Lines for the journal begin with their priority; all others do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config_sync.log import is_journal

PROGRAM = """
from config_sync import log
from config_sync.cli.output import say
log.set_up(level="debug", form={form!r})
for level in log.LEVELS:
    getattr(log.logger(), level)("event.happened", hint="one\\ntwo")
say("a sentence", "  hint: another", level="error")
"""


def told(path: Path, form: str, *, is_journal: bool) -> list[str]:
    """What a process writes whose stderr is this file; by $JOURNAL_STREAM it is the journal, or some other file."""
    path.touch()
    found = path.stat()
    environment = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + (not is_journal)}", "PATH": os.defpath}
    with path.open("w") as errors:
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(form=form)],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=errors,
            check=True,
        )
    return path.read_text().splitlines()


@pytest.mark.parametrize("form", ["auto", "json"])
def test_each_line_for_the_journal_begins_with_its_priority(tmp_path: Path, form: str) -> None:
    lines = told(tmp_path / "journal", form, is_journal=True)
    assert [line[:4] for line in lines] == ["<7>{", "<6>{", "<4>{", "<3>{", "<3>a", "<3> "]


def test_a_line_for_people_that_breaks_keeps_its_priority(tmp_path: Path) -> None:
    lines = told(tmp_path / "journal", "console", is_journal=True)
    assert {line[:3] for line in lines} == {"<7>", "<6>", "<4>", "<3>"}


@pytest.mark.parametrize("form", ["auto", "console"])
def test_elsewhere_nothing_is_put_before_a_line(tmp_path: Path, form: str) -> None:
    assert all(not line.startswith("<") for line in told(tmp_path / "log", form, is_journal=False))


def test_a_stream_that_is_no_file_is_no_journal() -> None:
    class Nothing:
        def fileno(self) -> int:
            raise ValueError("closed")

    assert not is_journal(Nothing(), {"JOURNAL_STREAM": "1:2"})  # type: ignore[arg-type]
    assert not is_journal(sys.__stderr__, {}) if sys.__stderr__ else True
