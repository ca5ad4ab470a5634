from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import problem_of, refusal_of

FILES = "files: [{path: /srv/a.json}]"

CASES: dict[str, tuple[str, tuple[int, int], str, str, str | None]] = {
    "unknown-key-with-a-near-one": (
        "targetz: {}",
        (1, 1),
        "targetz",
        "unknown key 'targetz'",
        "did you mean 'targets'?",
    ),
    "unknown-key-without-a-near-one": (
        f"targets:\n  a:\n    qqq: 1\n    {FILES}",
        (3, 5),
        "targets.a.qqq",
        "unknown key 'qqq'",
        (
            "known here: debounce, environment, files, layout, on_drift, on_failure, on_first_sync, probe, prune, "
            "reload, required, schema, splay, validate"
        ),
    ),
    "version-of-another-page": ("version: 2", (1, 10), "version", "expected 1, not '2'", None),
    "section-is-a-list": ("service: [a]", (1, 10), "service", "expected a mapping of host", None),
    "root-is-a-list": ("- a", (1, 1), "", "expected a mapping of version, service, agent, defaults, targets", None),
    "root-is-a-word": ("hello", (1, 1), "", "expected a mapping of version", None),
    "targets-is-a-list": ("targets: [a]", (1, 10), "targets", "expected a mapping of names to targets", None),
    "target-name": ("targets:\n  a/b: {" + FILES + "}", (2, 3), "targets.a/b", "a target's name has no '/'", None),
    "target-name-like-an-option": (
        "targets:\n  --all: {" + FILES + "}",
        (2, 3),
        "targets.--all",
        "does not start with -",
        None,
    ),
    "duration-without-unit": (
        "service: {resync: 300}",
        (1, 19),
        "service.resync",
        "expected a duration such as 250ms",
        "write the unit: 300s",
    ),
    "duration-zero": (
        "service: {request_timeout: 0s}",
        (1, 28),
        "service.request_timeout",
        "expected a duration from 0.001 to 86400 seconds, not '0s'",
        None,
    ),
    "size-of-another-kind": (
        "service: {max_size: 1MB}",
        (1, 21),
        "service.max_size",
        "expected a size such as 64KiB or 16MiB, not '1MB'",
        None,
    ),
    "backoff-upside-down": (
        "service: {retry: {first: 1m}}",
        (1, 26),
        "service.retry.first",
        "first is longer than max (60 s, 5 s)",
        "set both",
    ),
    "log-level": (
        "agent: {log: {level: loud}}",
        (1, 22),
        "agent.log.level",
        "expected one of debug, info, warning, error, not 'loud'",
        None,
    ),
    "duplicate-key": (
        "service:\n  watch: auto\n  watch: stream",
        (3, 3),
        "service.watch",
        "duplicate key 'watch'",
        "it stands at line 2 already: remove one",
    ),
    "path-among-the-defaults": ("defaults: {path: /x}", (1, 12), "defaults.path", "unknown key 'path'", None),
    "default-that-is-wrong-is-told-once": (
        "defaults: {mode: '8'}\ntargets: {a: {" + FILES + "}, b: {files: [{path: /srv/b.json}]}}",
        (1, 18),
        "defaults.mode",
        "expected a quoted octal mode",
        None,
    ),
}


@pytest.mark.parametrize(("text", "place", "path", "message", "hint"), CASES.values(), ids=CASES.keys())
def test_wrong_setting_is_told_with_place_key_and_hint(
    tmp_path: Path, text: str, place: tuple[int, int], path: str, message: str, hint: str | None
) -> None:
    problem = problem_of(tmp_path, text)

    assert (problem.line, problem.column) == place
    assert problem.path == path
    assert message in problem.message
    if hint is not None:
        assert problem.hint == hint
    assert str(problem).startswith(f"{tmp_path}/settings.yaml:{place[0]}:{place[1]}: {path}")


def test_all_problems_of_all_sections_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    error = refusal_of(
        tmp_path,
        """
        service: {retri: 1}
        agent: {log: {level: loud}}
        defaults: {mode: 640}
        targets:
          a b: {files: [{path: /srv/x.json}, {path: relative}]}
          c:
            files: [{path: /srv/x.json}]
            validate: ["true"]
            reload: {signal: HUP}
        """,
    )

    assert error.message == f"8 problems in {tmp_path}/settings.yaml"
    assert [problem.line for problem in error.problems] == [1, 2, 3, 5, 5, 7, 8, 9]


def test_the_values_of_credentials_are_never_quoted(tmp_path: Path) -> None:
    error = refusal_of(tmp_path, "service: {token: s3cr3t-one, key: {s3cr3t-two: x, file: s3cr3t-three}}")

    told = " ".join((error.message, *(f"{problem.message} {problem.hint}" for problem in error.problems)))
    assert "s3cr3t-one" not in told
    assert "s3cr3t-two" not in told
    assert not any("s3cr3t" in problem.path for problem in error.problems)


def test_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "service: {watch: " + "x" * 5000 + "}")

    assert len(problem.message) < 200
