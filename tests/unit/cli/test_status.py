"""What `status` makes of the files that agents left."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config_sync.cli import main
from config_sync.errors import Exit


def page(directory: Path, name: str, *, pid: int, **more: object) -> None:
    """A status file with one target."""
    directory.mkdir(exist_ok=True)
    target: dict[str, object] = {"name": name, "state": "synced", "version": 3, "changed_by": None, "error": None}
    content = {"version": 1, "pid": pid, "service": {"host": "https://x.example"}, "targets": [{**target, **more}]}
    (directory / "status.json").write_text(json.dumps(content))


def status(runtime_dir: Path, *words: str) -> int:
    return main(["status", "--runtime-dir", str(runtime_dir), *words])


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-5), "0s ago"),
        (timedelta(seconds=100), "100s ago"),
        (timedelta(minutes=5), "5m ago"),
        (timedelta(hours=47), "47h ago"),
        (timedelta(days=3), "3d ago"),
    ],
    ids=["a clock ahead", "seconds", "minutes", "hours", "days"],
)
def test_an_age_is_told_in_the_unit_that_says_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], age: timedelta, said: str
) -> None:
    at = (datetime.now(UTC) - age).isoformat().replace("+00:00", "Z")
    page(tmp_path, "app", pid=os.getpid(), written_at=at)
    assert status(tmp_path) == Exit.DONE
    assert said in capsys.readouterr().out


def test_a_failure_is_told_with_its_hint_and_a_dead_agent_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page(tmp_path, "app", pid=0, error={"message": "no luck", "hint": "try again"})
    assert status(tmp_path) == Exit.DONE
    out = capsys.readouterr().out
    for said in ("no agent runs", "app: no luck", "  hint: try again", "service https://x.example"):
        assert said in out


@pytest.mark.parametrize(
    ("message", "refused", "said"),
    [
        ("no luck", {"version": 7, "revision": "abc"}, "app: version 7 refused: no luck\n"),
        ("no luck", {"version": None, "revision": "abc"}, "app: revision abc refused: no luck\n"),
        ("version 7 was rolled back", {"version": 7, "revision": None}, "app: version 7 was rolled back\n"),
        ("no luck", {"version": None, "revision": None}, "app: no luck\n"),
        ("no luck", None, "app: no luck\n"),
    ],
)
def test_a_refusal_names_what_was_refused_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], message: str, refused: object, said: str
) -> None:
    page(tmp_path, "app", pid=os.getpid(), error={"message": message, "hint": "look", "refused": refused})
    assert status(tmp_path) == Exit.DONE
    assert said in capsys.readouterr().out


def test_all_agents_below_the_directory_are_shown_or_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page(tmp_path, "own", pid=os.getpid())
    page(tmp_path / "one", "first", pid=os.getpid())
    page(tmp_path / "two", "second", pid=os.getpid())
    assert status(tmp_path) == Exit.DONE
    out = capsys.readouterr().out
    assert [word for word in ("own", "first", "second") if f"\n{word} " in out] == ["own", "first", "second"]
    assert status(tmp_path, "--instance", "two", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["targets"][0]["name"] == "second"
    assert status(tmp_path, "--json") == Exit.DONE
    assert len(json.loads(capsys.readouterr().out)) == 3


@pytest.mark.parametrize("content", ["", "{", "[]", "\ufffd"], ids=["empty", "cut", "a list", "no JSON"])
def test_a_file_that_is_no_status_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (tmp_path / "status.json").write_text(content)
    assert status(tmp_path) == Exit.SERVICE
    assert f"{tmp_path}/status.json is no status file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../other", "a/b", ".hidden"])
def test_an_instance_stays_below_the_directory(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(tmp_path, "--instance", name) == Exit.USAGE
    assert "is not a name" in capsys.readouterr().err


def test_nothing_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(tmp_path / "nowhere") == Exit.SERVICE
    assert "no status under" in capsys.readouterr().err


def test_a_hold_is_told_with_who_since_when_until_when_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    hold = {"since": since, "until": None, "by": "ada", "reason": "4711", "rollback": None, "is_reached": True}
    skipped = {"version": 9, "revision": "abc", "reason": "it died", "since": since}
    page(tmp_path, "app", pid=os.getpid(), state="held", hold=hold, skipped=skipped, reload_pending=True)
    assert status(tmp_path) == Exit.DONE
    out = capsys.readouterr().out
    assert "app: held by ada since 3h ago, until 'config-sync resume app': 4711; its consumer has not been told" in out
    assert "app: version 9 is skipped: it died" in out
    page(tmp_path, "app", pid=os.getpid(), state="held", hold={**hold, "until": "2026-11-29T17:00:00.000Z", "by": None})
    assert status(tmp_path) == Exit.DONE
    assert "app: held since 3h ago, until 2026-11-29T17:00:00.000Z: 4711" in capsys.readouterr().out
