"""The agent as process 1 of a container: what its hooks leave behind becomes its own, and is reaped."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.cli.asking import ask, code_of
from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
from tests.system.reloading.consumers import children_of
from tests.waiting import eventually

pytestmark = pytest.mark.root


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "app", {"a": 1})
    home = home_at(tmp_path / "h", config_service.url)
    hook = home.root / "hook"
    # A child in the background that outlives the hook, and one in a session of its own: both come to process 1.
    hook.write_text(
        f"#!/bin/sh\n(sleep 0.02 & sleep 0.05; echo x >>{home.root}/orphans) &\nsetsid sleep 0.03 &\n"
        f"echo x >>{home.root}/runs\nexit 0\n"
    )
    hook.chmod(0o755)
    home.configure(f"""\
        targets: {{app: {{files: [{{path: {home.root}/app.json}}], reload: {{command: [{hook}]}}}}}}
        """)
    return home


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False


def test_after_a_hundred_reloads_no_zombie_is_left_and_no_outcome_was_lost(home: Home) -> None:
    words = ("--config", str(home.settings), "run")
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with home.start(*words, before=apart) as started:
        eventually(lambda: home.socket.exists() or started.ended())
        eventually(lambda: lines(home.root / "runs") >= 1)
        before = lines(home.root / "runs")
        for _ in range(100):
            answer = ask(str(home.runtime_dir), {"command": "reload", "target": "app"}, timeout_s=60)
            assert code_of(answer) == 0, answer
        assert lines(home.root / "runs") == before + 100, "each hook ran, and its exit code was seen"
        (agent,) = children_of(started.pid)
        eventually(lambda: lines(home.root / "orphans") == before + 100, within_s=60)
        eventually(lambda: not children_of(agent), within_s=60)
        assert not is_zombie(agent)
