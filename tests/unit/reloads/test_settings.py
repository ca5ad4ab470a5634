"""Every kind as an operator writes it: read from a file, accepted by the schema, mistakes told at their place."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from config_sync.model import AbsolutePath, Secret
from config_sync.process import account_of
from config_sync.reloads import CommandReload, HttpReload, SignalReload, SystemdReload, TouchReload
from config_sync.reloads.main_process import ByUnit
from config_sync.reloads.matching import ByExe
from config_sync.reloads.pidfile import ByPidFile
from tests.unit.settings.given import HOST, load_text, problem_of
from tests.unit.settings.test_schema import is_accepted

EVERYTHING = """
targets:
  app:
    files: [{path: /srv/a.json}]
    reload:
      - {systemd: nginx.service, action: try-reload-or-restart}
      - {signal: HUP, pidfile: "${RUN}/nginx.pid"}
      - {signal: HUP, unit: "${NAME}.service"}
      - {signal: HUP, exe: /usr/sbin/nginx}
      - {command: [nginx, -s, reload], timeout: 30s, shell: false, user: "${WHO}", cwd: "${RUN}", env: {A: "${NAME}"}}
      - {http: "http://localhost:${PORT}/-/reload", method: POST, expect: [200], headers: {Token: "${NAME}"}}
      - {touch: "${RUN}/stamp"}
"""


def test_every_kind_is_read_in_order_with_variables_in_paths_names_urls_and_headers_only(tmp_path: Path) -> None:
    environ = {**HOST, "RUN": "/run/app", "NAME": "app", "WHO": "root", "PORT": "9090"}
    (target,) = load_text(tmp_path, EVERYTHING, environ=environ).targets
    assert target.reload == (
        SystemdReload("nginx.service"),
        SignalReload(signal.SIGHUP, ByPidFile(AbsolutePath("/run/app/nginx.pid"))),
        SignalReload(signal.SIGHUP, ByUnit("app.service")),
        SignalReload(signal.SIGHUP, ByExe(AbsolutePath("/usr/sbin/nginx"))),
        CommandReload(
            ("nginx", "-s", "reload"),
            env={"A": "${NAME}"},
            cwd=AbsolutePath("/run/app"),
            account=account_of("root"),
        ),
        HttpReload("http://localhost:9090/-/reload", expect=(200,), headers={"Token": Secret("app")}),
        TouchReload(AbsolutePath("/run/app/stamp")),
    )


def test_the_schema_takes_every_kind() -> None:
    assert is_accepted(EVERYTHING)


def test_headers_over_the_open_network_are_a_warning_with_its_place(tmp_path: Path) -> None:
    text = (
        "targets: {a: {reload: {http: 'http://prometheus:9090/', headers: {Authorization: hunter22}},"
        " files: [{path: /srv/a.json}]}}"
    )
    (warning,) = load_text(tmp_path, text).warnings
    assert warning.path == "targets.a.reload"
    assert "unprotected" in warning.message
    assert "hunter22" not in str(warning)


@pytest.mark.parametrize(
    ("reload", "path", "says"),
    [
        pytest.param("{signal: HUP, cmdline: '('}", "targets.a.reload.cmdline", "unterminated", id="expression"),
        pytest.param("{command: [a], user: no-such-user}", "targets.a.reload.user", "no user", id="user"),
        pytest.param("[{touch: /a}, {http: localhost}]", "targets.a.reload[1].http", "expected a URL", id="url"),
        pytest.param(
            "{http: 'http://h/', headers: {'A B': c}}",
            "targets.a.reload.headers.'A B'",
            "name of a header",
            id="header",
        ),
        pytest.param(
            "{touch: /a, method: GET}", "targets.a.reload.method", "unknown key 'method'", id="other-kinds-key"
        ),
    ],
)
def test_a_mistake_is_told_at_its_key(tmp_path: Path, reload: str, path: str, says: str) -> None:
    problem = problem_of(tmp_path, "targets: {a: {reload: " + reload + ", files: [{path: /srv/a.json}]}}")
    assert problem.path == path
    assert says in problem.message
    assert problem.line == 1
