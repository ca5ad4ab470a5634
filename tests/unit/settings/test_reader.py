from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.errors import SettingsError
from config_sync.settings import load
from config_sync.settings.reader import MAX_DEPTH
from config_sync.settings.text import MAX_BYTES
from tests.unit.settings.given import HOST, load_text, problem_of, refusal_of

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)

NOT_YAML: dict[str, tuple[str, tuple[int, int], str, str | None]] = {
    "unclosed": ("targets: {a: [", (0, 0), "no valid YAML", None),
    "tab": ("targets:\n\ta: 1\n", (2, 1), "no valid YAML", "indent with spaces, not with tabs"),
    "colon-in-a-plain-value": ("a: b: c\n", (1, 5), "no valid YAML", "quote a value that holds ': '"),
    "variable-in-braces": ("a: {b: ${HOME}/x}\n", (1, 9), "no valid YAML", "inside { } or [ ], quote a value"),
    "two-documents": ("a: 1\n---\nb: 2\n", (2, 1), "only one YAML document", None),
    "python-tag": ("a: !!python/name:os.system\n", (1, 4), "means nothing here", "remove it"),
    "tag-on-a-mapping": ("a: !thing {}\n", (1, 4), "the tag !thing means nothing here", None),
    "list-as-a-key": ("? [a]\n: 1\n", (1, 3), "a key is a plain word", None),
    "alias-without-anchor": ("a: *b\n", (1, 4), "alias *b has no anchor before it", "write &b"),
    "alias-inside-itself": ("a: &a [*a]\n", (1, 8), "alias *a stands inside the value it means", None),
    "too-deep": ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), (1, MAX_DEPTH + 2), "nested deeper than", None),
    "far-too-deep": ("[" * 100_000, (0, 0), "nest", None),
    "deep-by-aliases": (
        "a: &a " + "[" * 30 + "]" * 30 + "\nb: " + "[" * 30 + "*a" + "]" * 30,
        (1, 27),
        "nested deeper than",
        None,
    ),
    "alias-bomb": (BOMB, (0, 0), "values, aliases included", None),
    "control-character": ("targets:\n  a\x07: 1\n", (2, 4), "no character U+0007", None),
}


@pytest.mark.parametrize(("text", "place", "message", "hint"), NOT_YAML.values(), ids=NOT_YAML.keys())
def test_what_is_no_yaml_for_us_is_one_problem_with_its_place(
    tmp_path: Path, text: str, place: tuple[int, int], message: str, hint: str | None
) -> None:
    problem = problem_of(tmp_path, text)

    assert message in problem.message
    if place != (0, 0):  # who meets the limit first depends on PyYAML's parser
        assert (problem.line, problem.column) == place
    if hint is not None:
        assert hint in (problem.hint or "")


@pytest.mark.parametrize("content", [b"", b"\n", b"# only a comment\n", b"---\n...\n", b"\xef\xbb\xbf"])
def test_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        load(str(path), environ=HOST, needs_service=True)

    told = " ".join((caught.value.message, *map(str, caught.value.problems)))
    assert "is empty" in told or "expected a mapping" in told


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"a: 1\nb: \xff\n", (2, 4)), ("a: 1\n".encode("utf-16"), (1, 1))],
    ids=["latin", "utf-16"],
)
def test_file_that_is_not_utf8_is_told_by_place(tmp_path: Path, content: bytes, place: tuple[int, int]) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        load(str(path), environ=HOST, needs_service=True)

    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.message) == (*place, "not UTF-8 here")


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    with path.open("wb") as stream:
        stream.truncate(10 * MAX_BYTES)

    with pytest.raises(SettingsError, match="over 4 MiB"):
        load(str(path), environ=HOST, needs_service=True)


@pytest.mark.parametrize("kind", ["missing", "directory", "loop"])
def test_file_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "settings.yaml"
    if kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    open_before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(SettingsError) as caught:
        load(str(path), environ=HOST, needs_service=True)

    reason = {"missing": "No such file", "directory": "Is a directory", "loop": "Too many levels"}[kind]
    assert caught.value.message.startswith(f"cannot read {path}: {reason}")
    assert len(os.listdir("/proc/self/fd")) <= open_before  # fewer: the collector may close what earlier tests left


def test_fifo_without_a_writer_is_empty_and_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    os.mkfifo(path)

    with pytest.raises(SettingsError, match="is empty"):
        load(str(path), environ=HOST, needs_service=True)


def test_pipe_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"service: {watch: stream}\n")
    os.close(writer)
    try:
        found = load(f"/dev/fd/{reader}", environ=HOST, needs_service=True)
    finally:
        os.close(reader)

    assert found.service.watch == "stream"


def test_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(b"\xef\xbb\xbfservice:\r\n  watch: stream\r\n")

    assert load(str(path), environ=HOST, needs_service=True).service.watch == "stream"


def test_anchor_alias_and_merge_give_the_same_as_written_out(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        targets:
          one:
            files:
              - &file
                path: /srv/one.json
                mode: "0600"
                create_parents: true
          two:
            files:
              - <<: *file
                path: /srv/two.json
              - <<: [{path: /srv/three.json, mode: "0660"}, *file]
        """,
    )

    two, three = found.targets[1].files
    assert (two.path, two.mode, two.create_parents) == ("/srv/two.json", 0o600, True)
    assert (three.path, three.mode, three.create_parents) == ("/srv/three.json", 0o660, True)


def test_problem_in_an_alias_has_the_place_of_the_anchor_and_the_key_path_of_the_use(tmp_path: Path) -> None:
    error = refusal_of(
        tmp_path,
        """
        targets:
          one:
            files: [{path: /srv/one.json, mode: &mode 640}]
          two:
            files: [{path: /srv/two.json, mode: *mode}]
        """,
    )

    assert [(problem.line, problem.column) for problem in error.problems] == [(3, 41), (3, 41)]
    assert [problem.path for problem in error.problems] == ["targets.one.files[0].mode", "targets.two.files[0].mode"]


def test_merge_of_something_else_is_told(tmp_path: Path) -> None:
    assert problem_of(tmp_path, "service: {<<: 5}").message == "<< takes a mapping or a list of mappings"


def test_words_that_yaml_1_1_takes_for_other_things_stay_words(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        targets:
          no: {environment: 2024-01-01, files: [{path: /srv/a.json, config: on}]}
          007: {files: [{path: /srv/b.json}]}
        """,
    )

    assert [target.name for target in found.targets] == ["no", "007"]
    assert found.targets[0].files[0].source.name == "on"
    assert found.targets[0].files[0].source.environment == "2024-01-01"
