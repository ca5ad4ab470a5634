"""Hold, resume, roll back, look back and wait for a version, with real processes: beside an agent and without one."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import PROGRAM, Home, assert_refused, home_at
from tests.service import write_config
from tests.waiting import eventually

STEPS = ("validate", "reload", "probe")


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    """One target whose every step is a script, which kills who runs it where ``kill-STEP`` is there."""
    home = home_at(tmp_path / "h", config_service.url)
    root = home.root
    for step, words in {
        "validate": 'if [ -e $0.no ]; then echo "no" >&2; exit 1; fi',
        "reload": f"cat {root}/app.yaml >> {root}/read; [ ! -e $0.no ]",
        "probe": "exit 0",
    }.items():
        kill = f"if rm {root}/kill-{step} 2>/dev/null; then kill -9 $PPID; exit 1; fi"
        (root / f"{step}.sh").write_text(f"{kill}\n{words}\n")
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {root}/app.yaml}}]
            validate: [sh, {root}/validate.sh, '{{file}}']
            reload: {{command: [sh, {root}/reload.sh]}}
            probe: {{command: [sh, {root}/probe.sh], within: 4s}}
        """)
    return home


def put(configs: Path, number: int) -> None:
    write_config(configs, "app", {"port": number})


def on_disk(home: Home) -> str:
    return (home.root / "app.yaml").read_text()


def read(home: Home) -> list[str]:
    """What the consumer was told of, in order."""
    path = home.root / "read"
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def versions(home: Home, configs: Path, *numbers: int) -> None:
    """Each is on disk for a while, without an agent."""
    for number in numbers:
        put(configs, number)
        eventually(lambda: home.once().returncode == 0 and on_disk(home) == f"port: {number}\n", within_s=60)  # noqa: B023


def until_synced(home: Home, pid: int, text: str) -> None:
    def is_there() -> bool:
        return home.status().get("pid") == pid and home.target("app").get("state") == "synced" and on_disk(home) == text

    eventually(is_there, within_s=60)


def test_the_night_of_an_operator_beside_an_agent(home: Home, configs: Path) -> None:
    put(configs, 1)
    with home.agent() as agent:
        until_synced(home, agent.pid, "port: 1\n")
        put(configs, 2)
        until_synced(home, agent.pid, "port: 2\n")
        version = home.target("app")["version"]
        assert isinstance(version, int)
        newest = version + 1
        back = home.ask("rollback", "app")
        assert back.returncode == 0, back.stderr
        assert "rolled back to version" in back.stdout
        assert "held until 'config-sync resume app'" in back.stdout
        assert (on_disk(home), read(home)[-1]) == ("port: 1\n", "port: 1\n")
        history = home.ask("history", "app")
        lines = history.stdout.splitlines()
        assert "on disk, held" in lines[2]
        assert lines[1].split()[0] not in lines[2]
        put(configs, 3)
        eventually(lambda: "port: 3" in home.command("get", "app", "-f", "yaml").stdout, within_s=60)
        gate = home.ask("sync", "app", "--wait", "--version", str(newest))
        assert gate.returncode == 9
        assert "held" in gate.stderr
        assert on_disk(home) == "port: 1\n"
        shown = home.ask("status").stdout
        assert "held" in shown
        assert "rolled back to version" in shown
        assert agent.end() == 0
    (home.root / "app.yaml").write_text("by hand\n")
    with home.agent() as again:
        eventually(lambda: home.status().get("pid") == again.pid and home.target("app").get("state") == "held")
        assert home.ask("sync", "--wait").returncode == 0
        assert on_disk(home) == "by hand\n"
        assert home.ask("resume", "app").returncode == 0
        assert on_disk(home) == "port: 3\n"  # `get` has seen it above
        assert home.ask("sync", "app", "--wait", "--version", str(newest)).returncode == 0
        assert home.ask("hold", "app", "--for", "2s", "--reason", "a look").returncode == 0
        put(configs, 4)
        until_synced(home, again.pid, "port: 4\n")


def test_a_deployment_waits_for_the_version_that_it_will_save(home: Home, configs: Path) -> None:
    put(configs, 1)
    with home.agent() as agent:
        until_synced(home, agent.pid, "port: 1\n")
        version = home.target("app")["version"]
        assert isinstance(version, int)
        words = ("sync", "app", "--wait", "--version", str(version + 1), "--timeout", "60s")
        with home.start("--config", str(home.settings), *words) as gate:
            put(configs, 2)
            eventually(gate.ended, within_s=60)
            assert gate.process.returncode == 0, gate.err
        assert (on_disk(home), read(home)[-1]) == ("port: 2\n", "port: 2\n")
        late = home.ask("sync", "app", "--wait", "--version", str(version + 9), "--timeout", "1s")
        assert_refused(late, 5, "has not arrived within 1 s", f"version {version + 1} is on disk")


def test_without_an_agent_and_without_the_service(home: Home, configs: Path) -> None:
    versions(home, configs, 1, 2)
    gone = {"CONFIG_SERVICE_HOST": "http://127.0.0.1:1"}
    held = home.ask("hold", "app", "--reason", "4711")
    assert held.returncode == 0, held.stderr
    put(configs, 3)
    ended = home.once()
    assert ended.returncode == 0
    assert "held as it is" in ended.stderr
    assert on_disk(home) == "port: 2\n"
    back = home.command("--config", str(home.settings), "rollback", "app", env=gone)
    assert back.returncode == 0, back.stderr
    assert (on_disk(home), read(home)[-1]) == ("port: 1\n", "port: 1\n")
    shown = json.loads(home.ask("history", "app", "--json").stdout)
    assert [one["on_disk"] for one in shown["revisions"]] == [False, True]
    newest = shown["revisions"][0]
    forth = home.ask("rollback", "app", "--to", newest["revision"][:6])
    assert forth.returncode == 0, forth.stderr
    assert on_disk(home) == "port: 2\n"
    resumed = home.ask("resume", "app")
    assert resumed.returncode == 0
    assert on_disk(home) == "port: 2\n"
    eventually(lambda: home.once().returncode == 0 and on_disk(home) == "port: 3\n", within_s=60)


def test_what_cannot_be_done_is_one_line_and_its_exit_code(home: Home, configs: Path) -> None:
    assert_refused(home.ask("history", "app"), 5, "records.json")
    versions(home, configs, 1)
    assert_refused(home.ask("rollback", "app"), 5, "no earlier revision")
    versions(home, configs, 2)
    for words, code, said in (
        (("rollback", "apq"), 2, "no target 'apq'"),
        (("hold", "apq"), 2, "no target 'apq'"),
        (("history", "apq"), 2, "no target 'apq'"),
        (("resume", "app"), 2, "not held"),
        (("hold", "app", "--for", "soon"), 2, "--for"),
        (("hold", "app", "--for", "0s"), 2, "--for"),
        (("hold", "app", "--reason", "a\nb"), 2, "--reason"),
        (("rollback", "app", "--to", "99"), 5, "'99'"),
        (("rollback", "app", "--to", "zzzz"), 5, "'zzzz'"),
        (("rollback", "app", "--to", "9" * 5000), 2, "at most 64 characters"),
        (("hold", "app", "--for", "9999d"), 2, "expected a duration"),
        (("sync", "app", "--wait", "--version", "9" * 5000), 2, "at most 15 digits"),
        (("sync", "app", "--wait", "--version", "2"), 6, "no agent answers"),
        (("sync", "app", "--version", "2"), 2, "--wait"),
        (("sync", "--wait", "--version", "2"), 2, "TARGET"),
        (("sync", "app", "--wait", "--version", "x"), 2, "--version"),
        (("sync", "app", "--wait", "--timeout", "1s"), 2, "--timeout"),
    ):
        ended = home.ask(*words)
        assert ended.returncode == code, (words, ended.stderr)
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
    other = {"CONFIG_SERVICE_KEY": "ab" * 32}
    assert_refused(home.command("--config", str(home.settings), "rollback", "app", env=other), 7, "config app")
    with (home.state_dir / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert_refused(home.ask("hold", "app"), 12, "holds the state directory")
    assert on_disk(home) == "port: 2\n"
    assert home.once().returncode == 0, "nothing is held"


@pytest.mark.parametrize("has_agent", [True, False])
def test_a_checker_that_refuses_and_a_reload_that_fails(home: Home, configs: Path, has_agent: bool) -> None:
    versions(home, configs, 1, 2)
    (home.root / "validate.sh.no").touch()

    def back_and_forth() -> None:
        refused = home.ask("rollback", "app")
        assert refused.returncode == 9, refused.stderr
        assert on_disk(home) == "port: 2\n"
        (home.root / "validate.sh.no").unlink()
        (home.root / "reload.sh.no").touch()
        failed = home.ask("rollback", "app")
        assert failed.returncode == 11, failed.stderr
        assert on_disk(home) == "port: 1\n"

    if has_agent:
        with home.agent() as agent:
            until_synced(home, agent.pid, "port: 2\n")
            back_and_forth()
            assert agent.end() == 0
    else:
        back_and_forth()
    told = len(read(home))
    (home.root / "reload.sh.no").unlink()
    with home.agent() as agent:
        eventually(lambda: len(read(home)) > told, within_s=60)
        eventually(lambda: home.status().get("pid") == agent.pid and not home.target("app").get("reload_pending"))
        assert (home.target("app")["state"], on_disk(home), read(home)[-1]) == ("held", "port: 1\n", "port: 1\n")


@pytest.mark.parametrize("has_agent", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_step_of_a_rollback_the_next_agent_ends_it(
    home: Home, configs: Path, step: str, has_agent: bool
) -> None:
    versions(home, configs, 1, 2)
    if has_agent:
        with home.agent() as agent:
            until_synced(home, agent.pid, "port: 2\n")
            (home.root / f"kill-{step}").touch()
            assert home.ask("rollback", "app").returncode == 6, "it hung up"
            eventually(agent.ended, within_s=60)
    else:
        (home.root / f"kill-{step}").touch()
        assert home.ask("rollback", "app").returncode == -signal.SIGKILL
    put(configs, 3)
    with home.agent() as again:
        eventually(lambda: home.status().get("pid") == again.pid and home.target("app").get("state") == "held")
        eventually(lambda: (on_disk(home), read(home)[-1]) == ("port: 1\n", "port: 1\n"), within_s=60)
        eventually(lambda: home.target("app").get("reload_pending") is False, within_s=60)
        assert not [name for name in os.listdir(home.root) if name.endswith((".old", ".tmp"))]
        assert home.ask("resume", "app").returncode == 0
        eventually(lambda: (on_disk(home), read(home)[-1]) == ("port: 3\n", "port: 3\n"), within_s=60)


@pytest.mark.root
@pytest.mark.strace
def test_killed_before_each_rename_of_a_rollback_it_is_ended_or_was_never_begun(home: Home, configs: Path) -> None:
    """They are its steps: the order on record, the attempt, the file, the publish on record, the end."""
    versions(home, configs, 1, 2)
    deaths: Mapping[str, list[int]] = {"port: 1\n": [], "port: 2\n": []}
    for number in range(1, 30):
        if not is_killed_before_rename(home, number):
            break
        assert home.once().returncode == 0
        deaths[on_disk(home)].append(number)
        assert read(home)[-1] == on_disk(home)
        if on_disk(home) == "port: 1\n":
            assert home.ask("resume", "app").returncode == 0
            assert home.once().returncode == 0
        assert (on_disk(home), read(home)[-1]) == ("port: 2\n", "port: 2\n")
    assert (on_disk(home), home.ask("resume", "app").returncode) == ("port: 1\n", 0)
    assert deaths["port: 2\n"] == [1], "only before the order was on record"
    assert len(deaths["port: 1\n"]) >= 4


def is_killed_before_rename(home: Home, number: int) -> bool:
    """``rollback``, killed at the entry of its so-manieth rename."""
    calls = "/^rename"
    words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    words += ["-e", f"inject={calls}:signal=SIGKILL:when={number}"]
    done = subprocess.run(
        [*words, *PROGRAM, "--config", str(home.settings), "rollback", "app"],
        env=dict(home.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 128 + signal.SIGKILL, -signal.SIGKILL), done.stderr
    return done.returncode != 0
