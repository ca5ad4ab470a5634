"""A real Prometheus: checked by promtool, reloaded over HTTP; what it cannot take it says by 500 and by its metric."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
from tests.system.reloading.consumers import answer_of, said, started
from tests.waiting import eventually

pytestmark = pytest.mark.prometheus

BROKEN = {"globl": {"scrape_interval": "1h"}}


@pytest.fixture
def home(tmp_path: Path, configs: Path, config_service: RunningService) -> Home:
    write_config(configs, "metrics", config("1h"))
    return home_at(tmp_path / "h", config_service.url)


def config(interval: str) -> dict[str, object]:
    return {"global": {"scrape_interval": interval}}


def configure(home: Home, *, lines: str = "") -> None:
    """A target without, and then with a way to tell it: its port is known once it runs."""
    home.configure(f"""\
        targets:
          metrics:
            files: [{{path: {home.root}/prometheus.yml}}]
{lines}
        """)


@contextlib.contextmanager
def prometheus(home: Home) -> Iterator[int]:
    """Prometheus over the file that is there, once it is ready: the port that the kernel gave it."""
    words = [
        "prometheus",
        f"--config.file={home.root}/prometheus.yml",
        f"--storage.tsdb.path={home.root}/data",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-lifecycle",
    ]
    with started(home, *words) as process:
        heard = eventually(
            lambda: re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', said(home)) or process.poll() is not None,
            within_s=60,
        )
        assert isinstance(heard, re.Match), said(home)
        port = int(heard[1])
        eventually(lambda: "Ready" in answer_of(port, "/-/ready"), within_s=60)
        yield port
        assert process.poll() is None


def interval_at(port: int) -> str:
    """What it works by."""
    told = json.loads(answer_of(port, "/api/v1/status/config"))
    found = re.search(r"scrape_interval: (\w+)", told["data"]["yaml"])
    assert found is not None
    return found[1]


def took_the_last(port: int) -> bool:
    """Its own word on the last reload."""
    return "\nprometheus_config_last_reload_successful 1\n" in answer_of(port, "/metrics")


def test_prometheus_works_by_the_config_and_promtool_keeps_a_broken_one_away(home: Home, configs: Path) -> None:
    configure(home)
    assert home.once().returncode == 0
    with prometheus(home) as port:
        configure(
            home,
            lines=f"""\
            validate: [promtool, check, config, '{{file}}']
            reload: {{http: 'http://127.0.0.1:{port}/-/reload', timeout: 60s}}""",
        )
        with home.agent():
            write_config(configs, "metrics", config("2h"))
            eventually(lambda: interval_at(port) == "2h", within_s=60)
            eventually(lambda: home.target("metrics").get("state") == "synced", within_s=60)

            write_config(configs, "metrics", BROKEN)
            eventually(lambda: home.target("metrics").get("state") == "rejected", within_s=60)
            assert took_the_last(port)
            assert (home.root / "prometheus.yml").read_text() == 'global:\n  scrape_interval: "2h"\n'

            write_config(configs, "metrics", config("3h"))
            eventually(lambda: interval_at(port) == "3h", within_s=60)


def test_without_a_check_its_500_is_a_failed_reload_until_a_better_one_comes(home: Home, configs: Path) -> None:
    configure(home)
    assert home.once().returncode == 0
    with prometheus(home) as port:
        configure(
            home, lines=f"            reload: {{http: 'http://127.0.0.1:{port}/-/reload', method: PUT, timeout: 60s}}"
        )
        with home.agent():
            write_config(configs, "metrics", BROKEN)
            eventually(lambda: home.target("metrics").get("state") == "reload_pending", within_s=60)
            eventually(lambda: "HttpStatus" in str(home.target("metrics").get("error")), within_s=60)
            assert "500 Internal Server Error" in str(home.target("metrics").get("error"))
            assert not took_the_last(port)
            assert interval_at(port) == "1h"

            write_config(configs, "metrics", config("4h"))
            eventually(lambda: interval_at(port) == "4h", within_s=60)
            eventually(lambda: home.target("metrics").get("state") == "synced", within_s=60)
            assert took_the_last(port)
