"""A running agent seen through its health and metrics server, over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from config_sync.status.metrics import METRICS
from tests.html_page import read_page
from tests.program import Home, home_at
from tests.prometheus_text import Sample, parse
from tests.service import serving, write_config
from tests.waiting import eventually


@dataclass(frozen=True)
class World:
    home: Home
    service: RunningService
    configs: Path
    port: int

    def get(self, path: str, *, method: str = "GET", host: str = "localhost") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={"Host": host})
            got = connection.getresponse()
            return got.status, got.read()
        finally:
            connection.close()

    def metrics(self) -> Mapping[Sample, float]:
        return parse(self.get("/metrics")[1].decode())

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics().get((f"config_sync_{name}", tuple(sorted(labels.items()))))

    def state(self) -> str:
        """By the JSON; the page must say the same."""
        page = json.loads(self.get("/status")[1])
        return str(page["targets"][0]["state"])

    def until(self, state: str) -> None:
        eventually(lambda: self.state() == state, every_s=0.1)
        rows = read_page(self.get("/")[1].decode()).rows
        assert next(row for row in rows if row[0] == "app")[1].startswith(state)

    def configure(self, listen: str, target: str = "app") -> None:
        self.home.configure(f"""\
            service: {{reconnect: {{first: 100ms, max: 300ms}}, retry: {{first: 100ms, max: 300ms}}}}
            agent: {{listen: "{listen}"}}
            targets:
              {target}:
                files: [{{path: {self.home.root}/{target}.yaml, config: app}}]
                validate: [grep, -q, "v:", "{{file}}"]
                reload: {{command: [test, "!", -e, {self.home.root}/refuse]}}
            """)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    configs = tmp_path / "configs"
    write_config(configs, "app", {"v": 1})
    with serving(configs) as service:
        made = World(home_at(tmp_path / "h", service.url), service, configs, free_port())
        made.configure(f"127.0.0.1:{made.port}")
        yield made


def test_every_endpoint_tells_the_story_of_the_agent(world: World) -> None:
    home = world.home
    with home.agent() as agent:
        agent.until_said("listen.started")
        world.until("synced")
        for path in ("/livez", "/readyz", "/startupz"):
            status, body = world.get(path)
            assert (status, body.count(b"\n")) == (200, 1)
            assert world.get(path, method="HEAD") == (200, b"")
        names = {name for name, _ in world.metrics()}
        assert {metric.name for metric in METRICS if metric.name.startswith("process_")} <= names
        assert world.metric("up_to_date", target="app") == 1
        assert world.metric("config_version", target="app", config="app") == 1
        eventually(lambda: world.metric("stream_connected", config="app") == 1)
        assert world.metric("sync_duration_seconds_count", stage="fetch")
        assert world.metric("sync_duration_seconds_count", stage="publish")

        (home.root / "refuse").touch()
        write_config(world.configs, "app", {"v": 2})
        world.until("reload_pending")
        assert world.metric("reload_pending", target="app") == 1
        assert world.metric("up_to_date", target="app") == 0
        eventually(lambda: world.metric("reload_total", target="app", kind="command", result="Failed"))
        eventually(lambda: world.metric("event_to_disk_seconds_count"))
        assert world.get("/readyz")[0] == 200

        (home.root / "refuse").unlink()
        home.ask("sync", "--wait")
        world.until("synced")
        assert (world.metric("reload_total", target="app", kind="command", result="Reloaded") or 0) >= 1

        write_config(world.configs, "app", {"w": 3})
        world.until("rejected")
        for _ in range(2):
            home.ask("sync", "--wait")
        rejected = {
            labels: value for (name, labels), value in world.metrics().items() if name.endswith("rejected_total")
        }
        assert list(rejected.values()) == [1]
        assert world.get("/readyz")[0] == 200

        world.service.stop()
        eventually(lambda: world.metric("stream_connected", config="app") == 0)
        eventually(
            lambda: any(name == "config_sync_stream_reconnects_total" for name, _ in world.metrics()), every_s=0.1
        )
        assert [world.get(path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200] * 3
        assert agent.end() == 0


def test_an_edit_by_somebody_counts_once(world: World) -> None:
    with world.home.agent():
        world.until("synced")
        (world.home.root / "app.yaml").write_text("v: 9\n")
        eventually(lambda: world.metric("drift_total", target="app", kind="content") == 1)
        eventually(lambda: (world.home.root / "app.yaml").read_text() == "v: 1\n")
        world.home.ask("sync", "--wait")
        assert world.metric("drift_total", target="app", kind="content") == 1


def test_not_started_up_is_503_with_the_reason(world: World) -> None:
    (world.configs / "app.json").unlink()
    with world.home.agent(is_ready=False) as agent:
        agent.until_said("listen.started")
        assert world.get("/startupz") == (503, b"not written yet: app\n")
        assert world.get("/readyz")[0] == 503
        assert world.get("/livez")[0] == 200


def test_the_agent_does_not_notice_a_thousand_open_connections(world: World) -> None:
    with world.home.agent() as agent, ExitStack() as held:
        world.until("synced")
        for _ in range(1000):
            held.enter_context(socket.create_connection(("127.0.0.1", world.port), timeout=60))
        assert [world.get(path)[0] for path in ("/livez", "/readyz", "/metrics")] == [200] * 3
        write_config(world.configs, "app", {"v": 2})
        eventually(lambda: (world.home.root / "app.yaml").read_text() == "v: 2\n")
        assert agent.end() == 0


def test_a_port_in_use_is_told_once_and_taken_when_it_is_free(world: World) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", world.port))
        other.listen()
        with world.home.agent() as agent:
            agent.until_said("listen.failed")
            assert (world.home.root / "app.yaml").read_text() == "v: 1\n"
            other.close()
            agent.until_said("listen.started")
            assert world.get("/livez")[0] == 200
            told = [one for one in agent.events("listen.failed") if one["level"] == "warning"]
            assert len(told) == 1
            assert "ss -ltnp" in str(told[0]["hint"])


def test_new_settings_move_the_server_and_drop_the_series_of_targets_that_are_gone(world: World) -> None:
    with world.home.agent() as agent:
        world.until("synced")
        path = world.home.root / "web.sock"
        world.configure(f"unix:{path}", target="other")
        world.home.ask("reload-settings")
        eventually(path.exists)
        agent.until_said("unix:")
        eventually(lambda: _is_refused(world.port))
        text = _ask_unix(path, "/metrics")
        assert 'target="other"' in text
        assert 'target="app"' not in text
        assert "200 OK" in _ask_unix(path, "/")
        assert agent.end() == 0
        assert not path.exists()


def test_other_machines_see_no_status(world: World) -> None:
    """A connection that did not come over loopback, and a page whose name was made to point here."""
    with world.home.agent():
        world.until("synced")
        for path in ("/", "/status"):
            status, body = world.get(path, host="rebound.example")
            assert (status, body.count(b"\n")) == (403, 1)


def _is_refused(port: int) -> bool:
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) != 0


def _ask_unix(path: Path, target: str) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(60)
        made.connect(str(path))
        made.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return b"".join(iter(lambda: made.recv(65536), b"")).decode()
