"""The ``probe`` key, ``on_failure`` and ``splay``: what they become, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import OnFailure, Probe
from config_sync.probes import CommandProbe, HttpProbe, TcpProbe
from tests.unit.settings.given import load_text, problem_of

FILES = "files: [{path: /srv/a.json}]"

PROBES: dict[str, tuple[str, Probe, float]] = {
    "command": ("{command: [check, '{file}'], within: 30s}", CommandProbe(("check", "{file}")), 30.0),
    "http": ("{http: 'http://localhost:8080/healthz?deep=1'}", HttpProbe("http://localhost:8080/healthz?deep=1"), 10.0),
    "tcp": ("{tcp: 'localhost:80', within: 500ms}", TcpProbe("localhost", 80), 0.5),
    "tcp-of-ipv6": ("{tcp: '[::1]:80'}", TcpProbe("::1", 80), 10.0),
    "tcp-by-a-variable": ("{tcp: '${WHERE:-db:5432}'}", TcpProbe("db", 5432), 10.0),
}


@pytest.mark.parametrize(("text", "probe", "within_s"), PROBES.values(), ids=PROBES.keys())
def test_each_kind(tmp_path: Path, text: str, probe: Probe, within_s: float) -> None:
    target = load_text(tmp_path, "targets: {a: {probe: " + text + ", " + FILES + "}}").targets[0]
    assert target.probe is not None
    assert (target.probe.probe, target.probe.within_s) == (probe, within_s)


def test_rollback_and_splay(tmp_path: Path) -> None:
    target = load_text(tmp_path, "targets: {a: {on_failure: rollback, splay: 5m, " + FILES + "}}").targets[0]
    assert (target.on_failure, target.splay_s, target.probe) == (OnFailure.ROLLBACK, 300.0, None)


WRONG: dict[str, tuple[str, str, str, str]] = {
    "no-kind": ("{within: 10s}", "targets.a.probe", "expected a mapping with one of command, http, tcp", ""),
    "two-kinds": ("{tcp: 'a:1', http: 'http://a'}", "targets.a.probe", "one kind, not tcp and http", "command"),
    "typing-error": ("{htp: 'http://a'}", "targets.a.probe", "expected a mapping", "'http'"),
    "text": ("localhost:80", "targets.a.probe", "expected a mapping", "tcp"),
    "tcp-without-port": ("{tcp: localhost}", "targets.a.probe.tcp", "expected HOST:PORT", "localhost:80"),
    "tcp-port-too-large": ("{tcp: 'localhost:65536'}", "targets.a.probe.tcp", "expected HOST:PORT", ""),
    "tcp-bare-ipv6": ("{tcp: '::1:80'}", "targets.a.probe.tcp", "expected HOST:PORT", "brackets"),
    "http-without-scheme": ("{http: localhost}", "targets.a.probe.http", "expected a URL", ""),
    "http-with-password": ("{http: 'http://u:p@a/'}", "targets.a.probe.http", "without user or password", "command"),
    "http-bad-port": ("{http: 'http://a:99999/'}", "targets.a.probe.http", "expected a URL", ""),
    "http-with-blank": ("{http: 'http://a/ b'}", "targets.a.probe.http", "a blank", ""),
    "command-as-text": ("{command: 'true'}", "targets.a.probe.command", "a list of words", ""),
    "no-such-file": ("{command: [a, '{file:b.json}']}", "targets.a.probe", "must name one file", ""),
    "within-a-number": ("{tcp: 'a:1', within: 10}", "targets.a.probe.within", "a duration", "10s"),
}


@pytest.mark.parametrize(("text", "path", "says", "hint"), WRONG.values(), ids=WRONG.keys())
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, path: str, says: str, hint: str) -> None:
    problem = problem_of(tmp_path, "targets: {a: {probe: " + text + ", " + FILES + "}}")
    assert problem.path == path
    assert says in problem.message
    assert hint in (problem.hint or "")
    assert "u:p" not in str(problem)
