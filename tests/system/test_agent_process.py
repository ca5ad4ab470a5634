"""`config-sync run` as a process: what an event leads to, signals, the socket, and the files it shows."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.log import SETTINGS_REJECTED, SETTINGS_RELOADED, STREAM_CONNECTED
from tests import faults
from tests.faults import FaultServer
from tests.program import Home, assert_refused, home_at, until_refused
from tests.service import serving, write_config
from tests.waiting import eventually

OLD, NEW = {"greeting": "hello"}, {"greeting": "goodbye"}


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "app", OLD)
    home = home_at(tmp_path / "h", config_service.url)
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}")
    return home


def app(home: Home) -> str:
    """What the consumer's file says now."""
    return (home.root / "app.yaml").read_text()


@contextlib.contextmanager
def consumer(home: Home) -> Iterator[subprocess.Popen[str]]:
    """A program that reads the file at its start and on every HUP, and prints what it sees."""
    pidfile = home.root / "app.pid"
    argv = [sys.executable, "-m", "config_sync.cli.demo_consumer", f"{home.root}/app.yaml", str(pidfile)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            eventually(pidfile.exists)
            yield process
        finally:
            process.kill()


def test_ready_comes_after_the_first_file_and_the_end_is_told(home: Home) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home.root / "notify"))
        manager.settimeout(60)
        with home.agent(env={"NOTIFY_SOCKET": str(home.root / "notify")}, is_ready=False) as agent:
            said: list[str] = []
            while not any("READY=1" in one for one in said):
                said.append(manager.recv(4096).decode())
            assert app(home) == "greeting: hello\n"
            assert agent.end() == 0
        manager.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(manager.recv(4096).decode())
    assert any("STOPPING=1" in one for one in said)


def test_an_event_becomes_a_file_becomes_a_hup(home: Home, configs: Path) -> None:
    home.configure(f"""\
        targets:
          app: {{files: [{{path: {home.root}/app.yaml}}], reload: {{signal: HUP, pidfile: {home.root}/app.pid}}}}
        """)
    with home.agent() as agent, consumer(home) as reader:
        assert reader.stdout is not None
        assert '"greeting: hello\\n"' in reader.stdout.readline()
        write_config(configs, "app", NEW)
        assert '"greeting: goodbye\\n"' in reader.stdout.readline()
        eventually(lambda: home.target("app").get("reloaded_at"))
        assert agent.end() == 0


@pytest.mark.parametrize("turn", range(4))
def test_a_hup_at_any_moment_from_the_first_statement_on_kills_nobody(home: Home, turn: int) -> None:
    with home.start("--config", str(home.settings), "run") as agent:
        caught = f"/proc/{agent.pid}/status"

        def handles_hup() -> bool:
            with open(caught, encoding="ascii") as lines:
                masks = next(line for line in lines if line.startswith("SigCgt"))
            return bool(int(masks.split()[1], 16) & 1 << (signal.SIGHUP - 1))

        eventually(handles_hup, every_s=0.0002)
        until = time.monotonic() + 0.4

        def spammed() -> bool:
            agent.process.send_signal(signal.SIGHUP)
            return time.monotonic() > until

        eventually(spammed, every_s=0.001 * (turn + 1))
        eventually(lambda: home.command("health", "startup").returncode == 0 or agent.ended(), every_s=0.1)
        assert not agent.ended(), agent.err
        assert app(home) == "greeting: hello\n"
        assert agent.end() == 0
        assert "Traceback" not in agent.err


def test_a_hup_with_broken_settings_keeps_the_old_ones_and_good_ones_are_taken(home: Home, configs: Path) -> None:
    write_config(configs, "other", {"port": 1})
    good = home.settings.read_text()
    with home.agent() as agent:
        home.configure("targets: {app: {files: [{path: relative.yaml}]}}")
        agent.process.send_signal(signal.SIGHUP)
        eventually(lambda: agent.events(SETTINGS_REJECTED))
        write_config(configs, "app", NEW)
        eventually(lambda: app(home) == "greeting: goodbye\n")
        home.configure(good.replace("targets: {", f"targets: {{other: {{files: [{{path: {home.root}/o.json}}]}}, "))
        agent.process.send_signal(signal.SIGHUP)
        eventually(lambda: agent.events(SETTINGS_RELOADED))
        eventually((home.root / "o.json").exists)
        write_config(configs, "other", {"port": 2})
        eventually(lambda: "2" in (home.root / "o.json").read_text())
        home.configure(good)
        assert home.ask("reload-settings").returncode == 0
        eventually(lambda: not home.target("other"))
        assert agent.end() == 0


def test_reload_settings_gives_the_outcome_and_every_problem(home: Home) -> None:
    with home.agent() as agent:
        assert home.ask("reload-settings").returncode == 0
        home.configure("targets: {app: {files: [{path: relative.yaml}], relaod: {}}}")
        ended = home.command("reload-settings", "--runtime-dir", str(home.runtime_dir))
        assert ended.returncode == 3
        assert "absolute" in ended.stderr
        assert "did you mean 'reload'?" in ended.stderr
        assert home.command("health", "ready").returncode == 0
        assert agent.end() == 0


def test_usr1_looks_at_everything_now(home: Home) -> None:
    with home.agent() as agent:
        (home.root / "app.yaml").write_text("edited\n")
        agent.process.send_signal(signal.SIGUSR1)
        eventually(lambda: app(home) == "greeting: hello\n")
        assert agent.end() == 0


def test_a_name_that_appears_later_and_a_change_during_an_outage_both_arrive(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with serving(tmp_path / "configs") as service:
        home = home_at(tmp_path / "h", service.url)
        home.configure(f"""\
            service: {{reconnect: {{first: 100ms, max: 200ms}}}}
            targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}
            """)
        with home.agent(is_ready=False):
            eventually(lambda: "404" in str(home.target("app").get("error")))
            write_config(tmp_path / "configs", "app", OLD)
            eventually(lambda: (home.root / "app.yaml").exists())


def test_the_socket_answers_before_any_stream_opens_and_is_the_owners_alone(home: Home) -> None:
    with FaultServer(faults.half_open) as server:
        with home.agent(env={"CONFIG_SERVICE_HOST": server.url}, is_ready=False) as agent:
            codes = {kind: home.command("health", kind) for kind in ("live", "startup", "ready")}
            assert {kind: one.returncode for kind, one in codes.items()} == {"live": 0, "startup": 1, "ready": 1}
            assert "not written yet: app" in codes["startup"].stderr
            assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
            assert not agent.events(STREAM_CONNECTED)
            assert agent.end() == 0
            assert not home.socket.exists()


def test_an_outage_turns_nothing_red_once_everything_was_written(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    write_config(tmp_path / "configs", "app", OLD)
    with contextlib.ExitStack() as stack:
        with serving(tmp_path / "configs") as service:
            home = home_at(tmp_path / "h", service.url)
            home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.yaml}}]}}}}")
            stack.enter_context(home.agent())
            eventually(lambda: home.status()["service"] == {**_service(home), "connected": True})
        eventually(lambda: _service(home)["connected"] is False)
        assert home.ask("sync", "--wait").returncode == 6
        for kind in ("live", "ready", "startup"):
            assert home.command("health", kind).returncode == 0


def _service(home: Home) -> dict[str, object]:
    service = home.status()["service"]
    assert isinstance(service, dict)
    return service


def test_the_status_file_has_what_the_contract_names_and_is_readable_by_all(home: Home) -> None:
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        page = home.status()
        assert stat.S_IMODE((home.runtime_dir / "status.json").stat().st_mode) == 0o644
        assert set(page) == {"version", "pid", "started_at", "service", "targets"}
        assert page["pid"] == agent.pid
        assert set(_service(home)) == {"host", "connected", "since"}
        target = home.target("app")
        assert set(target) == {
            "name", "state", "conditions", "version", "revision", "changed_by", "saved_at", "written_at",
            "reloaded_at", "current_as_of", "reload_pending", "from_cache_since", "hold", "skipped", "error", "files",
            "configs",
        }  # fmt: skip
        assert target["files"] == [{"path": f"{home.root}/app.yaml", "config": "app", "state": "written"}]
        conditions = target["conditions"]
        assert isinstance(conditions, list)
        assert all(set(one) == {"type", "status", "reason", "message", "since"} for one in conditions)
        shown = home.command("status")
        assert "no agent runs" not in shown.stdout
        assert "synced" in shown.stdout
        agent.process.kill()
        agent.close()
        assert "no agent runs" in home.command("status").stdout
        assert_refused(home.ask("sync", "--wait"), 6, "no agent answers")
    with home.agent() as again:
        assert home.ask("sync", "--wait").returncode == 0, "a dead agent's socket is in nobody's way"
        assert again.end() == 0


def test_sync_with_wait_ends_as_the_pass_does(home: Home, configs: Path) -> None:
    with home.agent() as agent:
        assert home.ask("sync", "app", "--wait").returncode == 0
        (configs / "app.json").unlink()
        gone = until_refused(lambda: home.ask("sync", "--wait"))
        assert gone.returncode == 5
        assert "404" in gone.stderr
        assert home.ask("sync").returncode == 0, "without --wait it is only asked for"
        assert app(home) == "greeting: hello\n"
        unknown = home.ask("sync", "aap")
        assert (unknown.returncode, "did you mean 'app'?" in unknown.stderr) == (2, True)
        assert_refused(home.command("reload-settings", "--runtime-dir", "/nowhere"), 6, "/nowhere/control.sock")
        assert agent.end() == 0


def test_reload_tells_the_consumer_owed_or_not_and_ends_as_it_went(home: Home) -> None:
    more = f"reload: {{command: [sh, -c, 'echo told >> {home.root}/told; exec test ! -e {home.root}/bad']}}"
    home.configure(f"targets: {{app: {{files: [{{path: {home.root}/app.yaml}}], {more}}}}}")
    with home.agent() as agent:
        eventually(lambda: home.target("app").get("state") == "synced")
        told = (home.root / "told").read_text().count("told")
        assert home.ask("reload", "app").returncode == 0
        assert (home.root / "told").read_text().count("told") == told + 1
        (home.root / "bad").touch()
        failed = home.ask("reload", "app")
        assert (failed.returncode, "exited with 1" in failed.stderr) == (11, True)
        assert agent.end() == 0


def test_an_agent_outlives_whoever_read_its_log(home: Home, configs: Path) -> None:
    reader, writer = os.pipe()
    words = [sys.executable, "-m", "config_sync", "--config", str(home.settings), "--log-level", "debug", "run"]
    with subprocess.Popen(words, env=dict(home.environ), stderr=writer, cwd=home.root) as agent:
        try:
            os.close(writer)
            eventually(lambda: home.command("health", "startup").returncode == 0, every_s=0.1)
            os.close(reader)
            write_config(configs, "app", NEW)
            eventually(lambda: app(home) == "greeting: goodbye\n")
            assert home.ask("sync", "--wait").returncode == 0
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(60) == 0
        finally:
            agent.kill()


@pytest.mark.parametrize(
    ("name", "key"), [("RUNTIME_DIRECTORY", "agent.runtime_dir"), ("STATE_DIRECTORY", "agent.state_dir")]
)
def test_a_directory_of_its_own_that_cannot_be_made_is_one_clear_line(home: Home, name: str, key: str) -> None:
    ended = home.command("--config", str(home.settings), "run", env={name: "/proc/nowhere"})
    assert_refused(ended, 10, "/proc/nowhere", key)


def test_a_second_agent_with_its_own_memory_does_not_take_the_socket(home: Home) -> None:
    with home.agent():
        ended = home.command("--config", str(home.settings), "run", env={"STATE_DIRECTORY": f"{home.root}/other-state"})
        assert_refused(ended, 12, "another agent answers", str(home.socket))
        assert home.command("health").returncode == 0
