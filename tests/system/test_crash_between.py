"""A kill -9 between what belongs together: the next start finishes it, once."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
from tests.waiting import eventually

OLD, NEW = {"greeting": "hello"}, {"greeting": "goodbye"}


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "app", OLD)
    return home_at(tmp_path / "h", config_service.url)


def script(home: Home, name: str, last: str) -> Path:
    """A script that first, as long as ``block`` is there, blocks on a fifo that nobody opens."""
    path = home.root / f"{name}.sh"
    if not (home.root / "fifo").exists():
        os.mkfifo(home.root / "fifo")
    path.write_text(f"""\
if [ -e {home.root}/block ]; then echo $$ > {home.root}/blocked; read line < {home.root}/fifo; fi
{last}
""")
    return path


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def killed_when_blocked(home: Home, configs: Path) -> None:
    """Start the agent, change the config, kill agent and script where it blocks; leave nothing that blocks."""
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        (home.root / "block").touch()
        write_config(configs, "app", NEW)
        blocked = int(eventually(lambda: text(home.root / "blocked")))
        agent.process.kill()
        agent.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(blocked, signal.SIGKILL)
    (home.root / "block").unlink()


@pytest.mark.parametrize("by", ["run", "once"])
def test_a_reload_that_a_killed_agent_owed_runs_once_after_the_restart(home: Home, configs: Path, by: str) -> None:
    hook = script(home, "hook", f"echo $CONFIG_SYNC_VERSION >> {home.root}/runs")
    home.configure(f"""\
        targets: {{app: {{files: [{{path: {home.root}/app.yaml}}], reload: {{command: [sh, {hook}]}}}}}}
        """)
    killed_when_blocked(home, configs)
    assert text(home.root / "app.yaml") == "greeting: goodbye\n"
    assert text(home.root / "runs") == "1\n", "the first sync's own"
    written = (home.root / "app.yaml").stat()
    for _ in range(2):
        if by == "once":
            assert home.once().returncode == 0
        else:
            with home.agent() as again:
                eventually(lambda: home.target("app").get("state") == "synced")
                assert home.ask("sync", "--wait").returncode == 0
                assert again.end() == 0
        assert text(home.root / "runs") == "1\n2\n"
    assert (home.root / "app.yaml").stat().st_mtime_ns == written.st_mtime_ns
    assert (home.root / "app.yaml").stat().st_ino == written.st_ino


def test_a_file_that_was_never_checked_does_not_outlive_the_restart(home: Home, configs: Path) -> None:
    checker = script(home, "check", f"exec grep -q hello {home.root}/app.yaml")
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            validate: {{command: [sh, {checker}, '{{file}}'], in_place: true}}
            reload: {{command: [sh, -c, 'cat {home.root}/app.yaml >> {home.root}/seen']}}
        """)
    killed_when_blocked(home, configs)
    assert text(home.root / "app.yaml") == "greeting: goodbye\n", "visible, and nobody has checked it"
    with home.agent(is_ready=False) as again:
        eventually(lambda: home.target("app").get("state") == "rejected")
        assert text(home.root / "app.yaml") == "greeting: hello\n"
        assert again.end() == 0
    assert text(home.root / "seen") == "greeting: hello\n", "the consumer was told of the first one only"
    assert [name for name in os.listdir(home.root) if name.startswith(".")] == []


def test_what_a_killed_agent_left_beside_the_file_is_in_nobodys_way(home: Home, configs: Path) -> None:
    checker = script(home, "check", "exit 0")
    (home.root / "etc").mkdir()
    (home.root / "etc" / ".stranger").touch()
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/etc/app.yaml}}]
            validate: [sh, {checker}, '{{file}}']
        """)
    killed_when_blocked(home, configs)
    assert len(os.listdir(home.root / "etc")) == 3, "its stage is there"
    with home.agent() as again:
        eventually(lambda: text(home.root / "etc" / "app.yaml") == "greeting: goodbye\n")
        assert again.end() == 0
    assert (home.root / "etc" / ".stranger").exists()
