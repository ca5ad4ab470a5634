from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.settings.given import load_text, problem_of


def mode_text(mode: str) -> str:
    return f"targets: {{a: {{files: [{{path: /srv/a.json, mode: {mode}}}]}}}}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0640", 0o640),
        ('"0640"', 0o640),
        ('"640"', 0o640),
        ("0o640", 0o640),
        ('"u=rw,g=r"', 0o640),
        ('"u=rw,g=r,o="', 0o640),
        ("ug=rw", 0o660),
        ("'u=rwx,g=rx'", 0o750),
        ("'u=r,u=rw'", 0o600),
        ("'0600'", 0o600),
        ("'0000'", 0),
    ],
)
def test_mode_is_read_as_people_write_it(tmp_path: Path, written: str, expected: int) -> None:
    found = load_text(tmp_path, mode_text(written))

    assert found.targets[0].files[0].mode == expected
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("640", 'write "0640", with the quotes'),
        ("600", 'write "0600", with the quotes'),
        ("416", 'write "0416", with the quotes'),
        ("6.4", 'write it as "0640"'),
        ("0x1a0", 'write it as "0640"'),
        ("0o", None),
        ('"0680"', None),
        ('"64"', None),
        ('"10640"', None),
        ('"017777"', None),
        ("u+rw", 'only = is known, since nothing is there to add to or take from: "u=rw,g=r"'),
        ("rw-r-----", 'only = is known, since nothing is there to add to or take from: "u=rw,g=r"'),
        ("true", None),
        ("[0640]", None),
    ],
)
def test_mode_that_means_something_else_is_an_error(tmp_path: Path, written: str, hint: str | None) -> None:
    problem = problem_of(tmp_path, mode_text(written))

    assert (problem.line, problem.column, problem.path) == (1, 49, "targets.a.files[0].mode")
    assert problem.message.startswith('expected a quoted octal mode such as "0640", or "u=rw,g=r"')
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('"0644"', "mode 0644 lets every user of this machine read the decrypted file"),
        ("a=r", "mode 0444 lets every user of this machine read the decrypted file"),
        ('"0666"', "mode 0666 lets every user of this machine change the file"),
        ('"4640"', "mode 4640 sets the setuid or setgid bit of a config file"),
        ("u=rws", "mode 4600 sets the setuid or setgid bit of a config file"),
    ],
)
def test_mode_that_gives_more_than_needed_works_with_a_warning(tmp_path: Path, written: str, message: str) -> None:
    found = load_text(tmp_path, mode_text(written))

    assert [(warning.line, warning.column, warning.message) for warning in found.warnings] == [(1, 49, message)]
