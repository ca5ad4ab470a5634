from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import problem_of

FILES = "files: [{path: /srv/a.json}]"

LATER: dict[str, tuple[str, str]] = {
    "client-cert": ("service: {client_cert: {cert_file: /a, key_file: /b}}", "service.client_cert"),
    "proxy": ("service: {proxy: env}", "service.proxy"),
    "poll": ("service: {watch: poll}", "service.watch"),
    "history": ("agent: {history: 10}", "agent.history"),
    "offline-start": ("agent: {offline_start: 7d}", "agent.offline_start"),
    "listen": ("agent: {listen: ':9180'}", "agent.listen"),
    "merge": ("targets: {a: {files: [{path: /srv/a.json, merge: [a, b]}]}}", "targets.a.files[0].merge"),
    "select": ("targets: {a: {files: [{path: /srv/a.json, select: /x}]}}", "targets.a.files[0].select"),
    "format-files": ("targets: {a: {files: [{path: /srv/a, format: files}]}}", "targets.a.files[0].format"),
    "options-of-files": ("targets: {a: {files: [{path: /srv/a.json, files: {x: y}}]}}", "targets.a.files[0].files"),
    "schema": ("targets: {a: {schema: /etc/a.schema.json, " + FILES + "}}", "targets.a.schema"),
    "probe": ("targets: {a: {probe: {tcp: 'localhost:80'}, " + FILES + "}}", "targets.a.probe"),
    "rollback": ("targets: {a: {on_failure: rollback, " + FILES + "}}", "targets.a.on_failure"),
    "splay": ("targets: {a: {splay: 5s, " + FILES + "}}", "targets.a.splay"),
    "reload-http": (
        "targets: {a: {reload: {http: 'http://localhost/-/reload'}, " + FILES + "}}",
        "targets.a.reload.http",
    ),
    "reload-touch": ("targets: {a: {reload: [{touch: /run/stamp}], " + FILES + "}}", "targets.a.reload[0].touch"),
    "signal-by-unit": (
        "targets: {a: {reload: {signal: HUP, unit: a}, " + FILES + "}}",
        "targets.a.reload.unit",
    ),
    "signal-by-exe": ("targets: {a: {reload: {signal: HUP, exe: /bin/a}, " + FILES + "}}", "targets.a.reload.exe"),
    "signal-by-cmdline": (
        "targets: {a: {reload: {signal: HUP, cmdline: a}, " + FILES + "}}",
        "targets.a.reload.cmdline",
    ),
    "command-user": ("targets: {a: {reload: {command: [a], user: b}, " + FILES + "}}", "targets.a.reload.user"),
    "command-cwd": ("targets: {a: {reload: {command: [a], cwd: /}, " + FILES + "}}", "targets.a.reload.cwd"),
}


@pytest.mark.parametrize(("text", "path"), LATER.values(), ids=LATER.keys())
def test_key_of_a_later_version_is_refused_as_such(tmp_path: Path, text: str, path: str) -> None:
    problem = problem_of(tmp_path, text)

    assert problem.path == path
    assert "is not in this version" in problem.message
