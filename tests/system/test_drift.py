"""Somebody edits a published file while the real agent runs: the real watch over its directory tells of it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.log import DRIFT_FOUND, TARGET_RECONCILED
from tests.program import Home, home_at
from tests.service import write_config
from tests.waiting import eventually


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "app", {"greeting": "hello"})
    return home_at(tmp_path / "h", config_service.url)


def configure(home: Home, policy: str) -> Path:
    """One target whose hook leaves a line for each run."""
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            reload: {{command: "echo $CONFIG_SYNC_REASON >> {home.root}/told", shell: true}}
            on_drift: {policy}
        """)
    return home.root / "app.yaml"


def has(path: Path, content: str) -> bool:
    return path.read_text() == content


def reasons(home: Home) -> list[str]:
    told = home.root / "told"
    return told.read_text().split() if told.exists() else []


@pytest.mark.parametrize("way", ["in-place", "replaced", "removed"])
def test_an_edit_is_put_right_within_seconds_and_the_consumer_is_told(home: Home, way: str) -> None:
    path = configure(home, "restore")
    with home.agent() as agent:
        eventually(lambda: reasons(home) == ["Missing"])
        # A pass under way would put an edit right that it did not plan for, and give its own reason for that.
        eventually(lambda: agent.events("stream.connected"))
        assert home.ask("sync", "--wait").returncode == 0
        match way:
            case "in-place":
                path.write_text("greeting: tampered\n")
            case "replaced":
                (home.root / "other").write_text("greeting: tampered\n")
                os.replace(home.root / "other", path)
            case _:
                path.unlink()
        eventually(lambda: path.exists() and path.read_text() == "greeting: hello\n")
        eventually(lambda: len(reasons(home)) > 1)
        assert reasons(home) == ["Missing", "Missing" if way == "removed" else "Drifted"]


def test_a_changed_mode_is_repaired_and_nobody_is_told(home: Home) -> None:
    path = configure(home, "restore")
    with home.agent():
        eventually(lambda: reasons(home) == ["Missing"])
        path.chmod(0o666)
        eventually(lambda: path.stat().st_mode & 0o777 == 0o640)
    assert reasons(home) == ["Missing"]


def test_a_reported_edit_stays_and_is_told_in_log_and_status(home: Home) -> None:
    path = configure(home, "report")
    with home.agent() as agent:
        eventually(lambda: reasons(home) == ["Missing"])
        path.write_text("greeting: tampered\n")
        agent.until_said(DRIFT_FOUND)

        def is_told() -> bool:
            conditions = home.target("app")["conditions"]
            assert isinstance(conditions, list)
            return ("False", "DriftTolerated") in [(one["status"], one["reason"]) for one in conditions]

        eventually(is_told)
        assert path.read_text() == "greeting: tampered\n"
    assert reasons(home) == ["Missing"]


def test_our_own_writes_make_no_loop(home: Home, configs: Path) -> None:
    path = configure(home, "restore")
    with home.agent() as agent:
        eventually(lambda: reasons(home) == ["Missing"])
        for number in range(5):
            write_config(configs, "app", {"number": number})
            content = f"number: {number}\n"
            eventually(partial(has, path, content))
        eventually(lambda: reasons(home) == ["Missing", *["Outdated"] * 5])
        assert agent.end() == 0
        changed = [one for one in agent.events(TARGET_RECONCILED) if one.get("outcome") == "changed"]
    assert len(changed) == 6
