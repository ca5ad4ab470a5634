from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import Layout, OnDrift, WriteMode
from tests.unit.settings.given import load_text, problem_of

SET = "files: [{path: /srv/a.json}, {path: /srv/b.json, config: b}]"


def test_a_set_of_files_in_one_directory_is_switched_together(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "targets: {a: {layout: directory, prune: true, on_drift: report, " + SET + "}}")

    target = settings.targets[0]
    assert (target.layout, target.prune, target.on_drift) == (Layout.DIRECTORY, True, OnDrift.REPORT)


def test_a_file_may_be_written_in_place(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "targets: {a: {files: [{path: /srv/a.json, write: in_place}]}}")

    assert settings.targets[0].files[0].write is WriteMode.IN_PLACE


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        pytest.param(
            "files: [{path: /srv/a.json}, {path: /etc/b.json, config: b}]",
            "targets.a.layout",
            "takes files of one directory",
            id="two-directories",
        ),
        pytest.param(
            "files: [{path: /srv/a.json, write: in_place}]", "targets.a.layout", "does not go with it", id="in-place"
        ),
    ],
)
def test_what_does_not_fit_a_set_is_told(tmp_path: Path, text: str, path: str, says: str) -> None:
    problem = problem_of(tmp_path, "targets: {a: {layout: directory, " + text + "}}")

    assert problem.path == path
    assert says in problem.message


def test_a_name_that_the_layout_keeps_for_itself_is_refused(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, "targets: {a: {layout: directory, files: [{path: /srv/..data, format: json}]}}")

    assert "keeps names that begin with .." in problem.message


def test_two_sets_in_one_directory_are_refused_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one, two = tmp_path / "real" / "a.json", tmp_path / "link" / "b.json"
    problem = problem_of(
        tmp_path,
        f"""
        defaults: {{layout: directory}}
        targets: {{a: {{files: [{{path: {one}}}]}}, b: {{files: [{{path: {two}}}]}}}}
        """,
    )

    assert "both switch all of" in problem.message
    assert problem.path == "targets.b.files[0].path"
