"""A document of 10 MB in one target is no reason for another one to wait."""

from __future__ import annotations

from pathlib import Path

from config_sync.devserver.server import RunningService
from tests.program import home_at
from tests.service import write_config
from tests.waiting import eventually

ROW = {"id": 1234567, "name": "a name with: a colon", "tags": ["one", "two"], "on": True}


def test_a_change_is_on_disk_while_ten_megabytes_of_another_target_are_rendered(
    tmp_path: Path, configs: Path, config_service: RunningService
) -> None:
    home = home_at(tmp_path / "h", config_service.url)
    home.configure(f"""\
        service: {{max_size: 64MiB, request_timeout: 5m}}
        targets:
          big: {{files: [{{path: {home.root}/1.yaml}}, {{path: {home.root}/2.yaml}}, {{path: {home.root}/3.yaml}}]}}
          small: {{files: [{{path: {home.root}/small.json}}]}}
        """)
    write_config(configs, "big", {"rows": []})
    write_config(configs, "small", {"v": 1})
    with home.agent() as agent:
        eventually(lambda: len(agent.events("stream.connected")) == 2)
        write_config(configs, "big", {"rows": [ROW] * 120_000})
        eventually(lambda: any(line["config"] == "big" for line in agent.events("event.received")))
        write_config(configs, "small", {"v": 2})
        eventually(lambda: home.target("small").get("version") == 2)
        assert home.target("big").get("version") == 1, "the small one did not wait for it"
        eventually(lambda: home.target("big").get("version") == 2, within_s=240)
        assert (home.root / "1.yaml").stat().st_size > 10_000_000
