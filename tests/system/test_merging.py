"""Files of several configs, with the embedded service and the agent as processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Home, home_at
from tests.service import serve_process, write_config
from tests.waiting import eventually

SETTINGS = """
    service: {{reconnect: {{first: 50ms, max: 200ms}}, poll_interval: 1s}}
    defaults: {{debounce: {{min: 10ms, max: 50ms}}}}
    targets:
      app:
        files:
          - {{path: {root}/app.json, merge: [common, my-service, {{config: my-host, optional: true}}]}}
          - path: {root}/app.env
            merge: [common, my-service, {{config: my-host, optional: true}}]
            select: /db
          - path: {root}/app.conf
            format: template
            template: {{source: {root}/app.j2}}
            merge: [common, my-service, {{config: my-host, optional: true}}]
        reload: {{command: [sh, -c, "echo told >> {root}/told"]}}
"""
TEMPLATE = '{{ configs["my-service"].db.host }} over {{ configs.common.db.host }} is {{ db.host }}\n'


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    write_config(folder, "common", '{"db": {"host": "a", "port": 5432, "ratio": 1.10}, "log": {"level": "info"}}')
    write_config(folder, "my-service", '{"db": {"host": "b"}, "log": null}')
    return folder


@pytest.fixture
def home(tmp_path: Path, configs: Path) -> Iterator[Home]:
    with serve_process(configs) as service:
        environment = service.environment
        home = home_at(
            tmp_path / "h",
            service.url,
            token=environment["CONFIG_SERVICE_TOKEN"],
            key=environment["CONFIG_SERVICE_KEY"],
        )
        (home.root / "app.j2").write_text(TEMPLATE)
        home.configure(SETTINGS.format(root=home.root))
        yield home


def test_every_part_arrives_the_optional_one_comes_and_goes_and_a_bad_one_keeps_the_last_good(
    home: Home, configs: Path
) -> None:
    merged, part, page = (home.root / name for name in ("app.json", "app.env", "app.conf"))
    with home.agent() as agent:
        assert merged.read_text() == '{"db":{"host":"b","port":5432,"ratio":1.10}}'
        assert part.read_text() == "HOST='b'\nPORT='5432'\nRATIO='1.10'\n"
        assert page.read_text() == "b over a is b\n"
        write_config(configs, "common", '{"db": {"host": "a2", "port": 1}}')
        eventually(lambda: page.read_text() == "b over a2 is b\n")
        eventually(lambda: merged.read_text() == '{"db":{"host":"b","port":1}}')
        write_config(configs, "my-service", '{"db": {"host": "b2"}}')
        eventually(lambda: page.read_text() == "b2 over a2 is b2\n")
        write_config(configs, "my-host", '{"db": {"host": "h", "port": null}}')
        eventually(lambda: page.read_text() == "b2 over a2 is h\n")
        eventually(lambda: merged.read_text() == '{"db":{"host":"h"}}')
        eventually(lambda: part.read_text() == "HOST='h'\n")
        (configs / "my-host.json").unlink()
        eventually(lambda: merged.read_text() == '{"db":{"host":"b2","port":1}}')
        eventually(lambda: home.target("app").get("state") == "synced")
        write_config(configs, "my-service", {"db": ["no", "object"]})
        eventually(lambda: home.target("app").get("state") == "rejected")
        error = home.target("app")["error"]
        assert isinstance(error, dict)
        assert "/db of the merge of 'common', 'my-service' and 'my-host'" in error["message"]
        assert merged.read_text() == '{"db":{"host":"b2","port":1}}'
        assert part.read_text() == "HOST='b2'\nPORT='1'\n"
        assert agent.end() == 0


def test_once_and_again_after_a_restart_gives_the_same_bytes_and_tells_nobody(home: Home) -> None:
    first = home.once()
    assert first.returncode == 0, first.stderr
    before = {name: (home.root / name).stat() for name in ("app.json", "app.env", "app.conf")}
    told = (home.root / "told").read_text()
    assert home.once().returncode == 0
    assert {name: (home.root / name).stat().st_ino for name in before} == {
        name: one.st_ino for name, one in before.items()
    }
    assert (home.root / "told").read_text() == told


def test_check_names_a_config_that_a_template_does_not_have(home: Home) -> None:
    (home.root / "app.j2").write_text("{{ configs.common.db.host }}\n{{ configs.my-service.db.host }}\n")
    ended = home.ask("check")
    assert ended.returncode == 3
    assert "line 2: 'my' is none of the file's configs" in ended.stderr
    assert 'write configs["my-service"]' in ended.stderr
