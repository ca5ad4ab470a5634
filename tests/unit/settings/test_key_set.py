"""A file whose format is ``files``: the target is a set, and only what fits a set may stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import Layout
from tests.unit.settings.given import load_text, problem_of

SET = "{path: /srv/secrets, format: files}"


def test_the_target_is_switched_as_one_set_in_the_directory_of_the_path(tmp_path: Path) -> None:
    (target,) = load_text(tmp_path, f"targets: {{a: {{files: [{SET}]}}}}").targets

    assert target.layout is Layout.DIRECTORY
    assert target.directory == "/srv/secrets"
    assert [spec.path for spec in target.with_keys(["x", "y"]).files] == ["/srv/secrets/x", "/srv/secrets/y"]
    assert target.configs == target.with_keys(["x"]).configs


def test_a_plain_file_of_the_same_directory_may_stand_beside_it(tmp_path: Path) -> None:
    (target,) = load_text(tmp_path, f"targets: {{a: {{files: [{SET}, {{path: /srv/secrets/a.json}}]}}}}").targets

    assert [spec.path for spec in target.with_keys(["x"]).files] == ["/srv/secrets/x", "/srv/secrets/a.json"]


@pytest.mark.parametrize("layout", ["", "layout: directory, ", "reload: {command: [x, '{dir}']}, "])
def test_what_goes_with_a_set_is_taken(tmp_path: Path, layout: str) -> None:
    text = f"targets: {{a: {{{layout}validate: [x, '{{dir}}'], files: [{SET}]}}}}"
    assert load_text(tmp_path, text).targets[0].layout is Layout.DIRECTORY


def test_a_default_for_other_targets_does_not_bind_it(tmp_path: Path) -> None:
    text = f"{{defaults: {{layout: files}}, targets: {{a: {{files: [{SET}]}}}}}}"
    assert load_text(tmp_path, text).targets[0].layout is Layout.DIRECTORY


REFUSED: dict[str, tuple[str, str]] = {
    "another_directory": (f"files: [{SET}, {{path: /srv/a.json}}]", "fills one directory"),
    "two_sets": (f"files: [{SET}, {{path: /srv/b, format: files}}]", "fills one directory"),
    "layout_files": (f"layout: files, files: [{SET}]", "goes with layout: directory only"),
    "in_place": ("files: [{path: /srv/b, format: files, write: in_place}]", "does not go with it"),
    "a_word_for_one_file": (f"validate: [x, '{{file}}'], files: [{SET}]", "{file} needs a target with one file"),
    "a_word_for_a_name": (
        f"reload: {{command: [x, '{{file:a}}']}}, files: [{SET}]",
        "must name one file of the target",
    ),
    "the_root": ("files: [{path: /, format: files}]", "expected the path of a file"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_with_a_set_is_told(tmp_path: Path, text: str, words: str) -> None:
    assert words in problem_of(tmp_path, f"targets: {{a: {{{text}}}}}").message
