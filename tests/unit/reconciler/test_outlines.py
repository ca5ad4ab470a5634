"""Outlines: what each format shows of itself, and what of a file that somebody edited."""

from __future__ import annotations

import pytest

from config_sync.formats.env import EnvFormat
from config_sync.formats.files import KeyFormat
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.template import compile_template
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import AbsolutePath, Document, Format
from config_sync.reconciler.comparing import masked
from config_sync.reconciler.hunks import Side
from config_sync.reconciler.outlines import MASK, NoOutline, outline


def shown(form: Format, content: bytes) -> list[str]:
    return [line.shown for line in outline(form, content).lines]


TREE = [
    "a:",
    f"  b: {MASK}",
    "  c:",
    f"    - {MASK}",
    "    -",
    f"      d: {MASK}",
    "e: {}",
    "f: []",
    f'"g\\\\nh": {MASK}',
]


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (JsonFormat(), b'{"a": {"b": 1.10, "c": [null, {"d": "x"}]}, "e": {}, "f": [], "g\\nh": true}'),
        (YamlFormat(), b'a:\n  b: 1.10\n  c:\n    - null\n    - d: x\ne: {}\nf: []\n"g\\nh": true\n'),
    ],
    ids=["json", "yaml"],
)
def test_a_tree_shows_its_names_and_nothing_of_its_values(form: Format, content: bytes) -> None:
    assert shown(form, content) == TREE


@pytest.mark.parametrize("content", [b"5", b'"x"', b"null"])
def test_a_document_that_is_one_value_is_one_masked_line(content: bytes) -> None:
    assert shown(JsonFormat(), content) == [MASK]
    assert shown(YamlFormat(), content) == [MASK]


def test_variables_show_their_names_also_where_a_value_has_lines() -> None:
    content = b"A='x\ny=z'\nexport B='it'\\''s'\n"
    assert shown(EnvFormat("shell"), content) == [f"A={MASK}", f"export B={MASK}"]
    assert shown(EnvFormat("docker"), b"A='x\nB=y z\n") == [f"A={MASK}", f"B={MASK}"]
    assert shown(EnvFormat("env"), b"# by hand\n\nA=bare\n") == [f"A={MASK}"]


def test_a_file_of_a_set_is_one_value() -> None:
    assert shown(KeyFormat("a"), b"line\nline\n") == [MASK]


def test_of_a_templates_output_only_the_templates_own_text_is_shown() -> None:
    source = "# head\n[db]\n{% if tls %}tls = on\n{% endif %}host = {{ host }}:{{ port }}\n{{ raw }}\n"
    form = compile_template(AbsolutePath("/t"), source)
    content = b"# head\n[db]\nhost = example:5\n[other]\nsecret line\n"
    assert shown(form, content) == ["# head", "[db]", f"host = {MASK}:{MASK}", MASK, MASK]
    lines, note = masked(form, content, content.replace(b"example", b"other"), is_ours=False)
    assert note is None
    assert f"+host = {MASK}:{MASK} (changed)" in [f"{line.side.value}{line.text}" for line in lines]


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (JsonFormat(), b'{"a": hunter2}'),
        (JsonFormat(), b'{"a": 1, "a": 2}'),
        (JsonFormat(), b"\xff"),
        (YamlFormat(), b"a: [hunter2"),
        (YamlFormat(), b"a: &x hunter2\nb: *x\n"),
        (YamlFormat(), b"a: !t hunter2\n"),
        (YamlFormat(), b"a: 1\n---\nb: 2\n"),
        (YamlFormat(), b"a: 1\na: 2\n"),
        (YamlFormat(), b"? [a]\n: 1\n"),
        (YamlFormat(), b""),
        (YamlFormat(), b"[" * 500),
        (EnvFormat(), b"hunter2\n"),
        (EnvFormat(), b"A='hunter2\n"),
    ],
)
def test_what_cannot_be_understood_has_no_outline_and_the_reason_quotes_nothing(form: Format, content: bytes) -> None:
    with pytest.raises(NoOutline) as refused:
        outline(form, content)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    wanted = form.render(Document(b'{"k":"v"}', {"k": "v"}))
    lines, note = masked(form, content, wanted, is_ours=True)
    assert note is not None
    assert {line.text for line in lines if line.side is not Side.PLACE} <= {MASK}


def test_names_of_an_edited_file_are_shown_only_where_they_are_known() -> None:
    edited, wanted = b"host: a\nhunter2: x\n", b"host: b\n"
    lines, _ = masked(YamlFormat(), edited, wanted, is_ours=False)
    assert [line.text for line in lines][1:] == [
        f"host: {MASK}",
        f"{MASK}: {MASK}",
        f"host: {MASK} (changed)",
    ]
    trusted, _ = masked(YamlFormat(), edited, wanted, is_ours=True)
    assert f"hunter2: {MASK}" in [line.text for line in trusted]


def test_names_that_another_dialect_would_not_have_are_not_trusted_though_we_wrote_the_file() -> None:
    before = EnvFormat("env").render(Document(b"", {"key": "x\nHUNTER=2"}))
    lines, _ = masked(EnvFormat("docker"), before, b"KEY=x\n", is_ours=True)
    assert "HUNTER" not in "".join(line.text for line in lines)


def test_a_key_that_yaml_would_merge_is_shown_as_any_other() -> None:
    before, after = (YamlFormat().render(Document(b"", {"<<": {"a": value}})) for value in ("one", "two"))
    lines, said = masked(YamlFormat(), before, after, is_ours=True)
    assert said is None
    assert [line.text for line in lines][1:] == ['"<<":', f"  a: {MASK}", f"  a: {MASK} (changed)"]


def test_what_differs_in_layout_only_is_said_so() -> None:
    said = "its values are the same: only layout or comments differ"
    assert masked(YamlFormat(), b"a: 1 # one\n", b"a: 1\n", is_ours=False) == ((), said)
    assert masked(JsonFormat(), b'{ "a": 1 }', b'{"a": 1}', is_ours=False) == ((), said)


@pytest.mark.parametrize(
    "other", [b"a: '1'\n", b"a: 1.0\n", b"a: true\n", b"a: yes\n", b"a: ~\n", b"a: 1e400\n", b"a: 1e1e\n"]
)
def test_a_value_that_is_only_spelled_otherwise_is_changed(other: bytes) -> None:
    lines, _ = masked(YamlFormat(), b"a: 1\n", other, is_ours=True)
    assert lines[-1].text == f"a: {MASK} (changed)"
