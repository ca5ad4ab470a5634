"""A real haproxy in master-worker mode: checked on the staged copy by itself, reloaded by SIGUSR2 to its master."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, Started, home_at
from tests.service import write_config
from tests.system.reloading.consumers import answer_at, started
from tests.waiting import eventually

pytestmark = pytest.mark.haproxy

TEMPLATE = """\
global
  maxconn {{{{ connections }}}}
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend web
  bind unix@{root}/web
  http-request return status 200 content-type text/plain string "{{{{ greeting }}}}"
"""


@pytest.fixture
def home(tmp_path: Path, config_service: RunningService) -> Home:
    home = home_at(tmp_path / "h", config_service.url)
    (home.root / "haproxy.j2").write_text(TEMPLATE.format(root=home.root))
    home.configure(f"""\
        targets:
          balancer:
            files:
              - path: {home.root}/haproxy.cfg
                format: template
                template: {{source: {home.root}/haproxy.j2}}
            validate: [haproxy, -c, -f, '{{file}}']
            reload: {{signal: USR2, cmdline: '^haproxy .*-W -f {home.root}/haproxy.cfg'}}
        """)
    return home


def until_logged(agent: Started, *, version: int) -> None:
    """All that the agent logged up to that reload has been read: the status is there sooner than the log."""
    eventually(lambda: any(line["version"] == version for line in agent.events("reload.done")))


def test_haproxy_serves_what_the_config_says_and_never_hears_of_a_broken_one(home: Home, configs: Path) -> None:
    write_config(configs, "balancer", {"connections": 50, "greeting": "hello"})
    with home.agent() as agent, started(home, "haproxy", "-W", "-f", f"{home.root}/haproxy.cfg") as haproxy:
        eventually(lambda: answer_at(home.root / "web") == "hello", within_s=60)

        write_config(configs, "balancer", {"connections": 50, "greeting": "goodbye"})
        eventually(lambda: answer_at(home.root / "web") == "goodbye", within_s=60)
        eventually(lambda: home.target("balancer").get("state") == "synced", within_s=60)
        until_logged(agent, version=2)
        good = (home.root / "haproxy.cfg").read_bytes()
        signals = len(agent.events("signal.sent"))
        assert signals >= 1

        write_config(configs, "balancer", {"connections": 50, "greeting": 'a quote " that ends it'})
        eventually(lambda: home.target("balancer").get("state") == "rejected")
        assert (home.root / "haproxy.cfg").read_bytes() == good
        eventually(lambda: any("ALERT" in str(line["line"]) for line in agent.events("hook.printed")))  # its own words
        eventually(lambda: answer_at(home.root / "web") == "goodbye")  # an old process may answer a moment longer
        assert len(agent.events("signal.sent")) == signals

        write_config(configs, "balancer", {"connections": 60, "greeting": "and again"})
        eventually(lambda: answer_at(home.root / "web") == "and again", within_s=60)
        eventually(lambda: home.target("balancer").get("state") == "synced", within_s=60)
        assert haproxy.poll() is None
        assert {line["pid"] for line in agent.events("signal.sent")} == {haproxy.pid}, "the master, never a worker"
