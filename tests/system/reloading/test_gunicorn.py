"""A real gunicorn: its workers read the file when they start, its master starts them anew on SIGHUP."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config_sync.devserver.server import RunningService
from tests.program import Home, home_at
from tests.service import write_config
from tests.system.reloading.consumers import answer_at, children_of, started
from tests.waiting import eventually

APP = """\
import json
with open({path!r}) as file:
    greeting = json.load(file)["greeting"].encode()
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [greeting]
"""


@pytest.fixture
def home(tmp_path: Path, config_service: RunningService) -> Home:
    home = home_at(tmp_path / "h", config_service.url)
    (home.root / "app.py").write_text(APP.format(path=str(home.root / "app.json")))
    return home


@pytest.mark.parametrize("way", ["pidfile", "cmdline"])
def test_gunicorn_serves_what_the_config_says_and_its_master_stays(home: Home, configs: Path, way: str) -> None:
    place = {"pidfile": f"{home.root}/gunicorn.pid", "cmdline": f"'gunicorn .*unix:{home.root}/web'"}[way]
    home.configure(f"""\
        targets:
          app:
            files: [{{path: {home.root}/app.json}}]
            reload: {{signal: HUP, {way}: {place}}}
        """)
    write_config(configs, "app", {"greeting": "hello"})
    words = [
        "--no-control-socket",
        "--workers",
        "2",
        "--bind",
        f"unix:{home.root}/web",
        "--pid",
        f"{home.root}/gunicorn.pid",
    ]
    with home.agent() as agent, started(home, sys.executable, "-m", "gunicorn", *words, "app") as gunicorn:
        eventually(lambda: answer_at(home.root / "web") == "hello", within_s=60)
        eventually(lambda: len(children_of(gunicorn.pid)) == 2, within_s=60)
        workers = set(children_of(gunicorn.pid))
        write_config(configs, "app", {"greeting": "goodbye"})
        eventually(lambda: agent.events("signal.sent"))
        eventually(lambda: home.target("app").get("reload_pending") is False and home.target("app").get("version") == 2)
        # Old workers answer until new ones do: only when all are new is there one answer.
        # One that was told to go before it listens is told again after gunicorn's `graceful_timeout`, 30 s.
        eventually(lambda: not workers & set(children_of(gunicorn.pid)), within_s=120)
        eventually(lambda: answer_at(home.root / "web") == "goodbye", within_s=120)
        assert gunicorn.poll() is None
        assert {line["pid"] for line in agent.events("signal.sent")} == {gunicorn.pid}
