from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import AbsolutePath
from config_sync.settings.destinations import identity_of
from tests.unit.settings.given import load_text, problem_of


def two_targets(first: object, second: object) -> str:
    return f"""
        targets:
          one: {{files: [{{path: "{first}"}}]}}
          two: {{files: [{{path: "{second}"}}]}}
        """


@pytest.mark.parametrize("second", ["{0}/a.json", "{0}//a.json", "{0}/./a.json", "/{0}/a.json", "{0}/a.json/"])
def test_two_targets_that_spell_one_path_differently_are_an_error(tmp_path: Path, second: str) -> None:
    problem = problem_of(tmp_path, two_targets(tmp_path / "a.json", second.format(tmp_path)))

    assert problem.message.startswith(f"targets 'one' and 'two' write one file: {tmp_path}/a.json is named at line 2")
    assert (problem.line, problem.column, problem.path) == (3, 24, "targets.two.files[0].path")


@pytest.mark.parametrize("below", ["a.json", "not/there/yet/a.json"])
def test_path_through_a_linked_directory_is_the_same_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    problem = problem_of(tmp_path, two_targets(tmp_path / "real" / below, tmp_path / "link" / below))

    assert f"there spelled {tmp_path}/real/{below}" in problem.message


def test_link_to_the_other_file_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}", encoding="utf-8")
    (tmp_path / "b.json").symlink_to("a.json")

    assert "write one file" in problem_of(tmp_path, two_targets(tmp_path / "a.json", tmp_path / "b.json")).message


def test_link_to_where_the_other_file_will_be_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "b.json").symlink_to("a.json")

    assert "write one file" in problem_of(tmp_path, two_targets(tmp_path / "a.json", tmp_path / "b.json")).message


def test_one_target_with_one_path_twice_is_an_error(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "targets: {a: {files: [{path: /srv/a.json}, {path: /srv//a.json, config: b}]}}")

    assert problem.message.startswith("target 'a' writes twice one file: /srv/a.json")


def test_same_name_in_two_directories_is_no_problem(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()

    found = load_text(tmp_path, two_targets(tmp_path / "x/a.json", tmp_path / "y/a.json"))

    assert len(found.targets) == 2


def test_looping_links_are_compared_by_text(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    path = AbsolutePath(f"{tmp_path}/loop/a.json")

    assert identity_of(path) == identity_of(path)
