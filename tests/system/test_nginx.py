"""A real nginx: an included file from a template, reloaded by SIGHUP.

A config that it cannot live with is caught before anything is visible to it (``validate``, in place), or noticed
afterwards by a ``probe`` and rolled back.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
from tests.system.network.surroundings import lasting_port
from tests.waiting import eventually

pytestmark = pytest.mark.nginx

NGINX = """\
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log notice;
worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {root}/temp-body;
  proxy_temp_path {root}/temp-proxy;
  fastcgi_temp_path {root}/temp-fastcgi;
  uwsgi_temp_path {root}/temp-uwsgi;
  scgi_temp_path {root}/temp-scgi;
  include {root}/conf.d/*.conf;
}}
"""

TEMPLATE = """\
server {
  listen 127.0.0.1:{{ port }};
  location / { return 200 "{{ greeting }}"; }
}
"""


@pytest.fixture
def home(tmp_path: Path, config_service: RunningService) -> Home:
    home = home_at(tmp_path / "h", config_service.url)
    (home.root / "conf.d").mkdir()
    (home.root / "nginx.conf").write_text(NGINX.format(root=home.root))
    (home.root / "site.j2").write_text(TEMPLATE)
    configure(home, f"validate: {{command: [nginx, -q, -t, -c, {home.root}/nginx.conf], in_place: true}}")
    return home


def configure(home: Home, *more: str) -> None:
    lines = "".join(f"\n            {line}" for line in more)
    home.configure(f"""\
        targets:
          site:
            files:
              - {{path: {home.root}/conf.d/site.conf, format: template, template: {{source: {home.root}/site.j2}}}}
            reload: {{signal: HUP, pidfile: {home.root}/nginx.pid}}{lines}
        """)


@contextlib.contextmanager
def nginx(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """In the foreground, once it has written its pid."""
    words = ["nginx", "-c", f"{home.root}/nginx.conf"]
    with subprocess.Popen(words, env=dict(home.environ), stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: (home.root / "nginx.pid").exists() or process.poll() is not None)
            yield process
        finally:
            process.terminate()
            process.wait(60)


def answer(port: int) -> str:
    """What nginx says; empty where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError:
        return ""


def test_nginx_serves_what_the_config_says_and_never_hears_of_a_broken_one(home: Home, configs: Path) -> None:
    port = lasting_port()
    write_config(configs, "site", {"port": port, "greeting": "hello"})
    with home.agent(), nginx(home) as server:
        eventually(lambda: answer(port) == "hello")
        write_config(configs, "site", {"port": port, "greeting": "goodbye"})
        eventually(lambda: answer(port) == "goodbye")
        eventually(lambda: home.target("site").get("state") == "synced")
        good = (home.root / "conf.d" / "site.conf").read_bytes()
        reloads = hups(home)
        assert reloads >= 1
        assert server.pid == int((home.root / "nginx.pid").read_text())

        write_config(configs, "site", {"port": port, "greeting": 'a quote " that ends it'})
        eventually(lambda: home.target("site").get("state") == "rejected")
        assert "nginx" in str(home.target("site").get("error"))
        assert (home.root / "conf.d" / "site.conf").read_bytes() == good
        assert [path.name for path in (home.root / "conf.d").iterdir()] == ["site.conf"]
        eventually(lambda: answer(port) == "goodbye")  # an old worker may answer a moment longer
        assert hups(home) == reloads
        assert home.command("health", "ready").returncode == 0, "one bad document takes nothing down"

        write_config(configs, "site", {"port": port, "greeting": "and again"})
        eventually(lambda: answer(port) == "and again")
        eventually(lambda: home.target("site").get("state") == "synced")
        assert server.poll() is None


def hups(home: Home) -> int:
    """How often nginx got one, by its own log."""
    return (home.root / "error.log").read_text().count("(SIGHUP) received from")


PROBE = """\
import sys, urllib.request
config = open(sys.argv[1]).read()
with urllib.request.urlopen("http://127.0.0.1:" + sys.argv[2] + "/", timeout=60) as response:
    sys.exit(response.read().decode() not in config)
"""
"""Well is an nginx that serves what its file says: one that kept its old content in memory is not."""


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"greeting": 'a quote " that ends it'}, id="it-refuses-the-file-and-goes-on-with-the-old"),
        pytest.param({"greeting": "moved", "elsewhere": True}, id="it-takes-the-file-and-no-longer-answers-there"),
    ],
)
def test_without_a_checker_a_probe_notices_a_broken_config_and_it_is_rolled_back(
    home: Home, configs: Path, bad: dict[str, object]
) -> None:
    port, other = sorted({lasting_port() for _ in range(8)})[:2]
    (home.root / "site.j2").write_text(TEMPLATE.replace("{{ port }}", "{{ other if elsewhere else port }}"))
    (home.root / "probe.py").write_text(PROBE)
    common = {"port": port, "other": other, "elsewhere": False}
    command = f"[{sys.executable}, {home.root}/probe.py, '{{file}}', '{port}']"
    configure(home, f"probe: {{command: {command}, within: 10s}}", "on_failure: rollback")
    write_config(configs, "site", {**common, "greeting": "hello"})
    with home.agent(), nginx(home) as server:
        eventually(lambda: answer(port) == "hello", within_s=60)
        eventually(lambda: home.target("site").get("state") == "synced", within_s=60)
        good = (home.root / "conf.d" / "site.conf").read_bytes()

        write_config(configs, "site", {**common, **bad})
        eventually(lambda: home.target("site").get("state") == "rejected", within_s=60)
        status = home.target("site")
        assert "was rolled back" in str(status.get("error"))
        assert (status.get("reload_pending"), status.get("version")) == (False, 1)
        assert (home.root / "conf.d" / "site.conf").read_bytes() == good
        assert [path.name for path in (home.root / "conf.d").iterdir()] == ["site.conf"]
        eventually(lambda: answer(port) == "hello")
        eventually(lambda: hups(home) >= 2)  # for the change and for the way back; its log may lag behind
        reloads = hups(home)
        assert home.ask("sync", "--wait").returncode == 11
        assert hups(home) == reloads, "what was refused is not tried again"

        write_config(configs, "site", {**common, "greeting": "mended"})
        eventually(lambda: answer(port) == "mended", within_s=60)
        eventually(lambda: home.target("site").get("state") == "synced", within_s=60)
        assert server.poll() is None
