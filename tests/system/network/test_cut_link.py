"""The service in one network namespace, the agent in another, and the cable between them cut without a word."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import PROGRAM, Home, Started, home_at
from tests.service import write_config
from tests.system.network.namespaces import SERVICE, WAYS, Cable, Side, cable
from tests.system.network.serving import service_process
from tests.system.network.surroundings import (
    NAME,
    condition,
    file_of,
    is_connected,
    number_in,
    settings_of,
    until_number,
    until_published,
)
from tests.waiting import eventually

pytestmark = pytest.mark.netns

ROOT = Path(__file__).resolve().parents[3]
HURRIED = (sys.executable, "-m", "tests.system.network.hurried")
PORT = 9181
"""Of a namespace of its own: nothing else is there."""


@pytest.fixture
def home(tmp_path: Path, configs: Path) -> Home:
    write_config(configs, NAME, {"n": 1})
    return home_at(tmp_path / "h", f"http://{SERVICE}:{PORT}")


@contextlib.contextmanager
def agent_at(home: Home, side: Side, *, program: tuple[str, ...] = PROGRAM) -> Iterator[Started]:
    """An agent in that namespace, with the first version on disk and its stream open."""
    words = [*side.before, *program, "--config", str(home.settings), "--log-level", "debug", "run"]
    process = subprocess.Popen(
        words,
        cwd=home.root,
        env={**home.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    agent = Started(process)
    try:
        eventually(lambda: number_in(home) == 1 or agent.ended(), within_s=60)
        assert not agent.ended(), agent.err
        eventually(lambda: is_connected(home), within_s=60)
        until_published(home, 1)
        yield agent
        assert agent.end() == 0
        assert "Traceback" not in agent.err
    finally:
        process.kill()
        agent.close()


def assert_noticed_and_healed(home: Home, configs: Path, between: Cable, way: str) -> None:
    """The cut is told, the file stays, and what changed meanwhile arrives once the cable is whole."""
    good = file_of(home).read_bytes()
    between.cut(way)
    eventually(lambda: condition(home, "Connected").get("status") == "False", within_s=60)
    write_config(configs, NAME, {"n": 2})
    assert not is_connected(home)
    assert "app: " in str(condition(home, "Connected")["message"])
    assert file_of(home).read_bytes() == good
    assert home.command("health", "live").returncode == 0
    assert home.command("health", "ready").returncode == 0
    between.mend(way)
    until_number(home, 2)
    eventually(lambda: is_connected(home), within_s=60)
    until_published(home, 2)


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_link_is_noticed_by_silence_and_the_change_made_meanwhile_arrives(
    home: Home, configs: Path, way: str
) -> None:
    home.configure(settings_of(home, allow_insecure="true"))
    with cable() as between, service_process(configs, host=SERVICE, port=PORT, before=between.service.before):
        with agent_at(home, between.agent):
            assert_noticed_and_healed(home, configs, between, way)


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_link_is_noticed_by_the_kernel_long_before_the_silence_is(home: Home, configs: Path, way: str) -> None:
    """With an hour of patience for silence it is TCP's keep-alive that tells."""
    home.configure(settings_of(home, allow_insecure="true", idle_timeout="1h"))
    with cable() as between:
        with (
            service_process(configs, host=SERVICE, port=PORT, keep_alive_s=3600, before=between.service.before),
            agent_at(home, between.agent, program=HURRIED),
        ):
            assert_noticed_and_healed(home, configs, between, way)
