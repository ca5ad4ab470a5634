"""Validate, publish, reload, probe, roll back, with real processes: killed at any step, stopped at any wait."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import PROGRAM, Home, home_at
from tests.service import write_config
from tests.waiting import eventually

OLD, NEW, BAD, MENDED = "hello", "goodbye", "bad", "mended"
STEPS = ("validate", "before", "reload", "probe")
BACK = ("reload-back", "probe-back")
"""``before``: the probe before the publish. ``-back``: of a rollback."""


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    """One target whose every step is a script. Each kills the agent where ``kill-STEP`` is there, which it takes away.

    The reload notes what it read. The probe is well with anything but BAD.
    """
    greet(configs, OLD)
    home = home_at(tmp_path / "h", config_service.url)
    root = home.root
    for step, words in {
        "validate": "exit 0",
        "reload": f"cat {root}/app.yaml >> {root}/read",
        "probe": f"! grep -q {BAD} {root}/app.yaml",
    }.items():
        kill = f"""\
step={step}
case $CONFIG_SYNC_REASON in BeforePublish) step=before;; RolledBack) step=$step-back;; esac
if rm {root}/kill-$step 2>/dev/null; then kill -9 $PPID; exit 1; fi"""
        (root / f"{step}.sh").write_text(f"{kill}\n{words}\n")
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {root}/app.yaml}}]
            validate: [sh, {root}/validate.sh, '{{file}}']
            reload: {{command: [sh, {root}/reload.sh]}}
            probe: {{command: [sh, {root}/probe.sh], within: 4s}}
            on_failure: rollback
        """)
    return home


def greet(configs: Path, word: str) -> None:
    write_config(configs, "app", {"greeting": word})


def state(home: Home, *, pid: int | None = None) -> object:
    """As the agent with this pid says; None: it has not said anything yet, and a predecessor's word is there."""
    return home.target("app").get("state") if pid in (None, home.status().get("pid")) else None


def on_disk(home: Home) -> str:
    return (home.root / "app.yaml").read_text().split()[-1]


def read(home: Home) -> list[str]:
    """What the consumer was told of, in order."""
    path = home.root / "read"
    return path.read_text().split()[1::2] if path.exists() else []


def leftovers(home: Home) -> list[str]:
    """Of the files; what a killed checker was shown goes a minute later."""
    return [name for name in os.listdir(home.root) if name.endswith((".old", ".tmp"))]


def settled(home: Home, configs: Path, word: str, *, pid: int) -> None:
    """What must hold once the agent has come to rest with `word` as the newest."""
    expected = OLD if word == BAD else word
    eventually(lambda: state(home, pid=pid) == ("rejected" if word == BAD else "synced"), within_s=60)
    eventually(lambda: home.target("app").get("reload_pending") is False, within_s=60)
    assert on_disk(home) == expected
    assert read(home)[-1] == expected
    assert set(read(home)) <= {OLD, word}
    assert leftovers(home) == []
    told = read(home)
    assert home.ask("sync", "--wait").returncode == (11 if word == BAD else 0)
    assert read(home) == told, "nothing new, nobody told"
    greet(configs, MENDED)
    eventually(lambda: read(home)[-1] == MENDED, within_s=60)
    eventually(lambda: state(home) == "synced", within_s=60)


@pytest.mark.parametrize(
    ("step", "word"),
    [*((step, word) for step in STEPS for word in (NEW, BAD)), *((step, BAD) for step in BACK)],
)
def test_killed_in_a_step_the_next_agent_ends_what_was_begun(home: Home, configs: Path, step: str, word: str) -> None:
    with home.agent() as agent:
        eventually(lambda: state(home) == "synced", within_s=60)
        (home.root / f"kill-{step}").touch()
        greet(configs, word)
        eventually(agent.ended, within_s=60)
        assert agent.process.returncode == -signal.SIGKILL
    with home.agent() as again:
        settled(home, configs, word, pid=again.pid)


@pytest.mark.root
@pytest.mark.strace
@pytest.mark.parametrize("word", [NEW, BAD], ids=["good", "bad"])
def test_killed_before_each_rename_of_the_sequence_a_new_start_ends_it(home: Home, configs: Path, word: str) -> None:
    """They are its steps: the attempt, the file, the publish on record, the way back and its records, the end."""
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            reload: {{command: [sh, -c, 'cat $0 >> {home.root}/read; ! grep -q {BAD} $0', '{{file}}']}}
            on_failure: rollback
        """)
    deaths = 0
    for number in range(1, 30):
        greet(configs, f"{OLD}{number}")
        eventually(lambda: home.once().returncode == 0 and on_disk(home) == f"{OLD}{number}", within_s=60)  # noqa: B023
        (home.root / "read").unlink(missing_ok=True)
        greet(configs, f"{word}{number}")
        until_offered(home, f"{word}{number}")
        code = once_killed_before_rename(home, number)
        expected = f"{OLD if word == BAD else word}{number}"
        if code != -signal.SIGKILL:
            break
        deaths += 1
        assert home.once().returncode == (11 if word == BAD else 0)
        assert on_disk(home) == expected
        told = read(home)
        assert told[-1] == expected, "it was told at least once, and last of what is there"
        assert leftovers(home) == []
        assert home.once().returncode == (11 if word == BAD else 0)
        assert read(home) == told
    assert deaths >= (7 if word == BAD else 4), "every step was killed"
    assert number < 29


def until_offered(home: Home, word: str) -> None:
    """The service has it."""
    eventually(lambda: word in home.command("get", "app").stdout, within_s=60)


def once_killed_before_rename(home: Home, number: int) -> int:
    """``once``, killed at the entry of its so-manieth rename; its exit code."""
    calls = "/^rename"
    words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    words += ["-e", f"inject={calls}:signal=SIGKILL:when={number}"]
    done = subprocess.run(
        [*words, *PROGRAM, "--config", str(home.settings), "once", "--retry-for", "0s"],
        env=dict(home.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode if done.returncode != 128 + signal.SIGKILL else -signal.SIGKILL


def configure_splay(home: Home, more: str) -> None:
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            reload: {{command: [sh, {home.root}/reload.sh]}}
            {more}
        """)


def test_a_stop_during_the_splay_returns_at_once_and_the_reload_is_not_lost(home: Home) -> None:
    configure_splay(home, "splay: 24h")
    with home.agent() as agent:  # it is ready once the file is there, and does not wait for the reload
        eventually(lambda: home.target("app").get("reload_pending") is True, within_s=60)
        assert agent.end(signal.SIGTERM) == 0, "and not after a day"
    assert (on_disk(home), read(home)) == (OLD, [])
    configure_splay(home, "splay: 0s")
    with home.agent() as again:
        eventually(lambda: state(home, pid=again.pid) == "synced", within_s=60)
        assert read(home) == [OLD]


def test_a_stop_while_a_probe_is_tried_again_returns_at_once_and_the_reload_is_not_lost(home: Home) -> None:
    configure_splay(home, "probe: {tcp: '127.0.0.1:1', within: 1h}")
    with home.agent() as agent:
        eventually(lambda: read(home) == [OLD], within_s=60)
        assert agent.end(signal.SIGTERM) == 0
    assert on_disk(home) == OLD
    configure_splay(home, "probe: null")
    with home.agent() as again:
        eventually(lambda: state(home, pid=again.pid) == "synced", within_s=60)
        assert read(home) == [OLD, OLD]


ONCE: Mapping[str, tuple[str, str]] = {
    "reload": ("reload: {command: [sh, -c, exit 3]}", "exited with 3"),
    "probe": ("reload: {command: ['true']}\n            probe: {tcp: '127.0.0.1:1', within: 100ms}", "did not hold"),
}


@pytest.mark.parametrize(("more", "says"), ONCE.values(), ids=ONCE.keys())
def test_once_is_11_for_a_failed_reload_or_probe_and_tries_again_while_it_may(home: Home, more: str, says: str) -> None:
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.yaml}}]
            {more}
        """)
    ended = home.once("--retry-for", "4s")
    assert ended.returncode == 11
    assert says in ended.stderr
    assert re.search(r"trying again in \d", ended.stderr)
    assert on_disk(home) == OLD
