from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import problem_of

FILES = "files: [{path: /srv/a.json}]"

CASES: dict[str, tuple[str, tuple[int, int], str, str, str | None]] = {
    "reload-without-kind": (
        "targets: {a: {reload: {sygnal: HUP}, " + FILES + "}}",
        (1, 23),
        "targets.a.reload",
        "expected a mapping with one of systemd, signal, command, http, touch, or a list of them",
        "did you mean 'signal'?",
    ),
    "reload-of-two-kinds": (
        "targets: {a: {reload: {systemd: a.service, command: [a]}, " + FILES + "}}",
        (1, 23),
        "targets.a.reload",
        "one action has one kind, not systemd and command",
        "write a list: each action is an item of its own",
    ),
    "reload-as-a-word": (
        "targets: {a: {reload: a.service, " + FILES + "}}",
        (1, 23),
        "targets.a.reload",
        "expected a mapping with one of",
        "such as reload: {systemd: my-service.service}",
    ),
    "reload-that-does-not-fit-together": (
        "targets: {a: {reload: [{signal: HUP}], " + FILES + "}}",
        (1, 24),
        "targets.a.reload[0]",
        "pidfile",
        None,
    ),
    "hook-with-a-placeholder-of-no-file": (
        "targets: {a: {reload: {command: [a, '{file:b.json}']}, " + FILES + "}}",
        (1, 23),
        "targets.a.reload",
        "{file:b.json} must name one file of the target",
        None,
    ),
    "validate-as-a-word": (
        "targets: {a: {validate: nginx -t, " + FILES + "}}",
        (1, 25),
        "targets.a.validate",
        "expected a mapping of command",
        None,
    ),
    "validate-that-names-nothing": (
        "targets: {a: {validate: [nginx, -t], " + FILES + "}}",
        (1, 25),
        "targets.a.validate",
        "validate must say what to check: {file} or {dir}",
        (
            "these become the staged copies; a checker that reads the published files by itself needs "
            "{command: […], in_place: true}"
        ),
    ),
    "validate-file-of-several": (
        "targets: {a: {validate: [x, '{file}'], files: [{path: /srv/a.json}, {path: /srv/b.json}]}}",
        (1, 25),
        "targets.a.validate",
        "{file} needs a target with one file, this one has 2",
        None,
    ),
    "validate-file-of-another-name": (
        "targets: {a: {validate: [x, '{file:c.json}'], files: [{path: /srv/a.json}, {path: /srv/ca.json}]}}",
        (1, 25),
        "targets.a.validate",
        "{file:c.json} must name one file of the target",
        "did you mean {file:ca.json}?",
    ),
    "validate-dir-of-several": (
        "targets: {a: {validate: [x, '{dir}'], files: [{path: /srv/a.json}, {path: /opt/b.json}]}}",
        (1, 25),
        "targets.a.validate",
        "{dir} needs all files of the target in one directory",
        None,
    ),
}


@pytest.mark.parametrize(("text", "place", "path", "message", "hint"), CASES.values(), ids=CASES.keys())
def test_wrong_reload_or_validate_is_told_with_place_key_and_hint(
    tmp_path: Path, text: str, place: tuple[int, int], path: str, message: str, hint: str | None
) -> None:
    problem = problem_of(tmp_path, text)

    assert (problem.line, problem.column) == place
    assert problem.path == path
    assert message in problem.message
    if hint is not None:
        assert problem.hint == hint
    assert str(problem).startswith(f"{tmp_path}/settings.yaml:{place[0]}:{place[1]}: {path}")
