"""A restart that fails with ``on_failure: rollback``: the files go back, and the application runs with them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.program import Home
from tests.service import write_config
from tests.system.supervising.applications import LIVES, application, read
from tests.waiting import eventually


def configure(home: Home, more: str = "") -> None:
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.json}}], on_failure: rollback{more}}}}}\n")


def test_files_go_back_when_the_application_cannot_start_with_the_new_ones(home: Home, configs: Path) -> None:
    configure(home)
    app = application(home, "grep -q broken app.json && exit 9\nnote well\n" + LIVES)
    with app.behind("--restart", "on-failure") as started:
        app.until("well")
        write_config(configs, "app", {"a": "broken"})
        app.until(read({"a": "broken"}))
        app.until("well", times=2)
        assert app.notes[-2:] == [read({"a": 1}), "well"]
        assert (home.root / "app.json").read_text() == '{"a": 1}'
        eventually(lambda: home.target("app").get("state") == "rejected")
        write_config(configs, "app", {"a": "mended"})
        app.until(read({"a": "mended"}))
        app.until("well", times=3)
        assert started.end() == 128 + 15


def test_files_go_back_also_by_a_probe(home: Home, configs: Path) -> None:
    """It starts, and does not work."""
    check = home.root / "works.sh"
    check.write_text(f"#!/bin/sh\n! grep -q broken {home.root}/app.json\n")
    check.chmod(0o755)
    configure(home, f", probe: {{command: [{check}], within: 300ms}}")
    app = application(home, LIVES)
    with app.behind() as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": "broken"})
        app.until(read({"a": "broken"}))
        app.until(read({"a": 1}), times=2)
        assert started.end() == 128 + 15
    assert (home.root / "app.json").read_text() == '{"a": 1}'


def test_a_term_in_the_middle_of_a_restart_ends_everything(home: Home, configs: Path) -> None:
    app = application(home, LIVES, traps="trap 'note asked; while ! [ -e go ]; do sleep 0.02; done; exit 3' TERM")
    with app.behind("--grace", "50s") as started:
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        app.until("asked")
        started.process.send_signal(signal.SIGTERM)
        (home.root / "go").touch()
        assert started.process.wait(60) == 3
    assert len(app.pids) == 1, "it was not started again"


def test_one_that_is_killed_is_137(home: Home) -> None:
    """As the kernel does when memory is short."""
    app = application(home, LIVES)
    with app.behind() as started:
        app.until(read({"a": 1}))
        os.kill(app.pids[0], signal.SIGKILL)
        assert started.process.wait(60) == 137


def test_two_targets_that_change_at_once_are_one_restart(home: Home, configs: Path) -> None:
    write_config(configs, "more", {"m": 1})
    home.configure(f"""\
        targets:
          app: {{files: [{{path: {home.root}/app.json}}]}}
          more: {{files: [{{path: {home.root}/more.json}}]}}
        """)
    app = application(home, LIVES, traps="trap 'note asked; while ! [ -e go ]; do sleep 0.02; done; exit 0' TERM")
    with app.behind("--grace", "50s"):
        app.until(read({"a": 1}))
        write_config(configs, "app", {"a": 2})
        write_config(configs, "more", {"m": 2})
        app.until("asked")
        eventually(lambda: (home.root / "more.json").read_text() == '{"m": 2}')
        eventually(lambda: (home.root / "app.json").read_text() == '{"a": 2}')
        (home.root / "go").touch()
        app.until(read({"a": 2}))
        eventually(lambda: all(home.target(name).get("reload_pending") is False for name in ("app", "more")))
    assert len(app.pids) == 2
