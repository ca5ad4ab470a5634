"""A real nginx: an included file from a template, checked in place by ``nginx -t``, reloaded by SIGHUP."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
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
    home.configure(f"""\
        targets:
          site:
            files:
              - {{path: {home.root}/conf.d/site.conf, format: template, template: {{source: {home.root}/site.j2}}}}
            validate: {{command: [nginx, -q, -t, -c, {home.root}/nginx.conf], in_place: true}}
            reload: {{signal: HUP, pidfile: {home.root}/nginx.pid}}
        """)
    return home


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
            process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answer(port: int) -> str:
    """What nginx says; empty where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError:
        return ""


def test_nginx_serves_what_the_config_says_and_never_hears_of_a_broken_one(home: Home, configs: Path) -> None:
    port = free_port()
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
        assert answer(port) == "goodbye"
        assert hups(home) == reloads
        assert home.command("health", "ready").returncode == 0, "one bad document takes nothing down"

        write_config(configs, "site", {"port": port, "greeting": "and again"})
        eventually(lambda: answer(port) == "and again")
        eventually(lambda: home.target("site").get("state") == "synced")
        assert server.poll() is None


def hups(home: Home) -> int:
    """How often nginx got one, by its own log."""
    return (home.root / "error.log").read_text().count("(SIGHUP) received from")
