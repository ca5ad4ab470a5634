"""Prometheus' own checker reads what the agent is scraped for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lanes import on_path
from tests.program import home_at
from tests.service import serving, write_config
from tests.system.test_listening import World, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.prometheus


def test_promtool_finds_nothing_wrong_with_a_scrape(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    write_config(configs, "app", {"v": 1})
    with serving(configs) as service:
        world = World(home_at(tmp_path / "h", service.url), service, configs, free_port())
        world.configure(f"127.0.0.1:{world.port}")
        with world.home.agent():
            world.until("synced")
            write_config(configs, "app", {"w": 2})
            world.until("rejected")
            eventually(lambda: world.metric("stream_connected", config="app") == 1)
            scrape = world.get("/metrics")[1]
    promtool = on_path("promtool")
    assert promtool is not None
    judged = subprocess.run([promtool, "check", "metrics"], input=scrape, capture_output=True, check=False, timeout=60)
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")
