from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import problem_of

FILES = "files: [{path: /srv/a.json}]"

CASES: dict[str, tuple[str, tuple[int, int], str, str, str | None]] = {
    "files-missing": ("targets: {a: {}}", (1, 14), "targets.a", "'files' is missing", None),
    "files-empty": ("targets: {a: {files: []}}", (1, 22), "targets.a.files", "expected at least one file", None),
    "path-missing": (
        "targets: {a: {files: [{mode: '0640'}]}}",
        (1, 23),
        "targets.a.files[0]",
        "'path' is missing; expected an absolute path",
        None,
    ),
    "path-null": (
        "targets: {a: {files: [{path: null}]}}",
        (1, 30),
        "targets.a.files[0].path",
        "expected an absolute path, not null",
        None,
    ),
    "path-relative": (
        "targets: {a: {files: [{path: a.json}]}}",
        (1, 30),
        "targets.a.files[0].path",
        "an absolute path, starting with /, is needed, not 'a.json'",
        None,
    ),
    "path-with-dots": (
        "targets: {a: {files: [{path: /srv/../a.json}]}}",
        (1, 30),
        "targets.a.files[0].path",
        "no .. component",
        None,
    ),
    "path-is-the-root": (
        "targets: {a: {files: [{path: /, format: json}]}}",
        (1, 30),
        "targets.a.files[0].path",
        "expected the path of a file, not /",
        None,
    ),
    "config-name": (
        "targets: {a: {files: [{path: /srv/a.json, config: a/b}]}}",
        (1, 51),
        "targets.a.files[0].config",
        "a config name has no '/', not 'a/b'",
        None,
    ),
    "environment-blank": (
        "targets: {a: {environment: '', " + FILES + "}}",
        (1, 28),
        "targets.a.environment",
        "expected the name of an environment",
        None,
    ),
    "pin-is-no-number": (
        "targets: {a: {files: [{path: /srv/a.json, version: latest}]}}",
        (1, 52),
        "targets.a.files[0].version",
        "expected a whole number from 1, not 'latest'",
        None,
    ),
    "format-unknown": (
        "targets: {a: {files: [{path: /srv/a.json, format: toml}]}}",
        (1, 51),
        "targets.a.files[0].format",
        "expected one of json, yaml, env, template, files, not 'toml'",
        None,
    ),
    "format-not-told-by-the-name": (
        "targets: {a: {files: [{path: /srv/a.conf}]}}",
        (1, 30),
        "targets.a.files[0].path",
        "the name 'a.conf' does not say the format",
        "say the format: json or yaml or env or template or files",
    ),
    "options-of-another-format": (
        "targets: {a: {files: [{path: /srv/a.json, env: {prefix: X}}]}}",
        (1, 48),
        "targets.a.files[0].env",
        "these are options of the format 'env', but the file's format is 'json'",
        "say format: env, or remove them",
    ),
    "option-unknown": (
        "targets: {a: {files: [{path: /srv/a.env, env: {prefiks: X}}]}}",
        (1, 48),
        "targets.a.files[0].env.prefiks",
        "unknown key 'prefiks'",
        "did you mean 'prefix'?",
    ),
    "template-without-source": (
        "targets: {a: {files: [{path: /srv/a.conf, format: template}]}}",
        (1, 23),
        "targets.a.files[0]",
        "'source' is missing",
        None,
    ),
    "owner-unknown": (
        "targets: {a: {files: [{path: /srv/a.json, owner: nobodyy}]}}",
        (1, 50),
        "targets.a.files[0].owner",
        "no user 'nobodyy' on this machine",
        "did you mean 'nobody'?",
    ),
    "group-unknown": (
        "targets: {a: {files: [{path: /srv/a.json, group: qzxwvk}]}}",
        (1, 50),
        "targets.a.files[0].group",
        "no group 'qzxwvk' on this machine",
        "create it, or give the number",
    ),
    "owner-too-high": (
        "targets: {a: {files: [{path: /srv/a.json, owner: 4294967295}]}}",
        (1, 50),
        "targets.a.files[0].owner",
        "at most 4294967294",
        None,
    ),
    "flag-of-yaml-1.1": (
        "targets: {a: {required: yes, " + FILES + "}}",
        (1, 25),
        "targets.a.required",
        "expected true or false, not 'yes'",
        None,
    ),
    "debounce-upside-down": (
        "targets: {a: {debounce: {min: 3s}, " + FILES + "}}",
        (1, 31),
        "targets.a.debounce.min",
        "min is longer than max",
        "set both",
    ),
}


@pytest.mark.parametrize(("text", "place", "path", "message", "hint"), CASES.values(), ids=CASES.keys())
def test_wrong_target_or_file_is_told_with_place_key_and_hint(
    tmp_path: Path, text: str, place: tuple[int, int], path: str, message: str, hint: str | None
) -> None:
    problem = problem_of(tmp_path, text)

    assert (problem.line, problem.column) == place
    assert problem.path == path
    assert message in problem.message
    if hint is not None:
        assert problem.hint == hint
    assert str(problem).startswith(f"{tmp_path}/settings.yaml:{place[0]}:{place[1]}: {path}")
