from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.settings.variables import expand
from tests.unit.settings.given import HOST, load_text, problem_of

EXPANSIONS: dict[str, tuple[str, Mapping[str, str], str]] = {
    "plain": ("/srv/${A}/x", {"A": "one"}, "/srv/one/x"),
    "two": ("${A}${B}", {"A": "1", "B": "2"}, "12"),
    "default-used": ("${A:-two}", {}, "two"),
    "default-for-an-empty-one": ("${A:-two}", {"A": ""}, "two"),
    "default-unused": ("${A:-two}", {"A": "one"}, "one"),
    "empty-default": ("x${A:-}y", {}, "xy"),
    "empty-value": ("x${A}y", {"A": ""}, "xy"),
    "literal": ("$${A}", {"A": "one"}, "${A}"),
    "value-is-not-looked-at-again": ("${A}", {"A": "${B}", "B": "no"}, "${B}"),
    "dollar-alone": ("$A costs $5", {"A": "one"}, "$A costs $5"),
    "no-name": ("${}${1}${A-x}", {"A": "one"}, "${}${1}${A-x}"),
}


@pytest.mark.parametrize(("text", "environ", "expected"), EXPANSIONS.values(), ids=EXPANSIONS.keys())
def test_variable_is_replaced(text: str, environ: Mapping[str, str], expected: str) -> None:
    assert expand(text, environ, is_needed=True).text == expected


def test_variables_are_replaced_in_service_agent_paths_and_names_but_never_in_commands(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        service:
          host: https://${H}:${PORT:-8443}
          allow_insecure: ${FLAG}
          request_timeout: "${T:-7s}"
          token: {file: "${D}/token"}
        agent:
          state_dir: ${D}/state
          log: {level: "${L}"}
        targets:
          a:
            environment: ${E}
            files:
              - path: ${D}/a.json
                config: app-${E}
                owner: ${O}
                mode: "0600"
            validate: [sh, -c, 'check ${D} "$1"', sh, "{file}"]
            reload: {systemd: "${E}.service"}
        """,
        environ={"H": "h.example", "FLAG": "true", "D": "/srv", "L": "debug", "E": "prod", "O": "0"},
    )

    assert found.service.host == "https://h.example:8443"
    assert found.service.allow_insecure
    assert found.service.request_timeout_s == 7.0
    assert found.service.token.describe() == "file /srv/token"
    assert (found.agent.state_dir, found.agent.log_level) == ("/srv/state", "debug")
    (target,) = found.targets
    (spec,) = target.files
    assert (spec.path, spec.source.name, spec.source.environment, spec.uid) == ("/srv/a.json", "app-prod", "prod", 0)
    assert target.validate is not None
    assert target.validate.argv[2] == 'check ${D} "$1"'
    assert "prod.service" in target.reload[0].describe()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("service: {ca_file: '${NOPE}'}", "service.ca_file"),
        ("service: {token: {file: '/x/${NOPE}'}}", "service.token.file"),
        ("agent: {state_dir: '${NOPE}/x'}", "agent.state_dir"),
        ("targets: {a: {files: [{path: '${NOPE}/a.json'}]}}", "targets.a.files[0].path"),
        ("targets: {a: {files: [{path: /srv/a.json, config: '${NOPE}'}]}}", "targets.a.files[0].config"),
    ],
    ids=["service", "deeper", "agent", "path", "name"],
)
def test_unset_variable_without_default_is_an_error_that_names_it(tmp_path: Path, text: str, path: str) -> None:
    problem = problem_of(tmp_path, text)

    assert (problem.path, problem.message, problem.line) == (path, "$NOPE is not set", 1)
    assert problem.hint == "set it, or write a default: ${NOPE:-default}; $${ is a literal ${"


def test_unset_variable_is_only_a_warning_for_commands_that_use_no_service(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        service: {host: "${NOPE}", request_timeout: "${NOPE2}"}
        agent: {log: {level: "${NOPE3}"}}
        targets: {a: {files: [{path: "${DIR}/a.json", config: "${NAME}", owner: "0"}]}}
        """,
        environ={},
        needs_service=False,
    )

    assert found.service.host is None
    assert found.service.request_timeout_s == 10.0
    assert found.agent.log_level == "info"
    assert found.targets[0].files[0].path == "/${DIR}/a.json"
    assert found.targets[0].files[0].source.name == "${NAME}"
    told = {warning.message for warning in found.warnings}
    assert told == {f"${name} is not set" for name in ("NOPE", "NOPE2", "NOPE3", "DIR", "NAME")}


def test_owner_named_by_an_unset_variable_is_not_looked_up_for_commands_that_use_no_service(tmp_path: Path) -> None:
    text = "targets: {a: {files: [{path: /srv/a.json, owner: '${NOPE}'}]}}"

    found = load_text(tmp_path, text, environ={}, needs_service=False)

    assert found.targets[0].files[0].uid is None


def test_missing_host_is_an_error_only_where_the_service_is_needed(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "targets: {a: {files: [{path: /srv/a.json}]}}", environ={})

    assert (problem.path, problem.line) == ("service.host", 0)
    assert "$CONFIG_SERVICE_HOST is not set" in problem.message
    assert "https://" in (problem.hint or "")
    assert load_text(tmp_path, "service: {}", environ={}, needs_service=False).service.host is None


def test_variable_is_never_taken_from_the_process_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_IN_THE_PROCESS", "/srv")

    problem = problem_of(tmp_path, "agent: {state_dir: '${ONLY_IN_THE_PROCESS}'}", environ=HOST)

    assert problem.message == "$ONLY_IN_THE_PROCESS is not set"
