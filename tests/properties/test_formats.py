"""Whatever a document holds, every format refuses it or writes what its readers get back."""

from __future__ import annotations

import base64
import json
import math
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_sync.document import compact_json, parse_document, value_at
from config_sync.errors import DocumentRefused, RenderRefused
from config_sync.formats.dialects import DIALECTS, why_not
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import FilesFormat
from config_sync.formats.flatten import Naming, flatten
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.template import compile_template
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import AbsolutePath, Document, Format, JsonValue, Number
from tests.properties.documents import (
    MARKER,
    keys,
    numbers,
    objects,
    read_as_docker,
    read_as_dotenv,
    read_as_kubelet,
    read_by_shell,
    source,
    texts,
    values,
)

SHELLS = {"sh": ["/bin/sh"], "bash": ["/bin/bash"]}
TREE_FORMATS: dict[str, Format] = {
    **{style: JsonFormat(style=style) for style in ("verbatim", "pretty", "compact", "canonical")},
    "yaml": YamlFormat(),
}


def examples(count: int) -> settings:
    """So many, however slow the machine is: a loaded one is no failure."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])


quick = examples(40)
# One process an example, each with a whole batch of values.
with_processes = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _same(one: object, other: object) -> bool:
    """Equal as JSON: 1 is not true, -0.0 is not 0.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other


@given(value=values, is_ascii=st.booleans(), space=st.sampled_from(["", " ", "\r\n\t"]))
@examples(100)
def test_a_document_is_read_as_it_was_meant(value: JsonValue, is_ascii: bool, space: str) -> None:
    raw = source(value, is_ascii=is_ascii, space=space)
    document = parse_document(raw.encode("utf-8"))
    assert document.value == value
    assert compact_json(document.value) == source(value)


@given(raw=st.one_of(st.binary(max_size=40), st.text('{}[]",:0-1.eE \\unatrlsf\ufeffd8', max_size=20).map(str.encode)))
@examples(300)
def test_any_bytes_are_read_as_the_standard_library_does_or_refused(raw: bytes) -> None:
    try:
        document = parse_document(raw)
    except DocumentRefused as error:
        refused = error
    else:
        assert _same(json.loads(compact_json(document.value)), json.loads(raw.decode("utf-8")))
        return
    assert refused.reason != "DocumentRefused"
    assert refused.__context__ is None or refused.__suppress_context__


@given(value=values, is_ascii=st.booleans(), space=st.sampled_from(["", " ", "\r\n\t"]))
@examples(150)
def test_every_json_style_is_read_back_with_every_spelling(value: JsonValue, is_ascii: bool, space: str) -> None:
    document = parse_document(source(value, is_ascii=is_ascii, space=space).encode("utf-8"))
    for style in ("verbatim", "pretty", "compact", "canonical"):
        written = JsonFormat(style=style).render(document)
        assert parse_document(written).value == value
        if style != "canonical":
            assert _same(json.loads(written), json.loads(document.raw))


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader], ids=["pure", "c"])
@given(value=values)
@examples(150)
def test_yaml_is_read_back(loader: type[yaml.SafeLoader | yaml.CSafeLoader], value: JsonValue) -> None:
    document = parse_document(source(value).encode("utf-8"))
    try:
        written = YamlFormat().render(document)
    except RenderRefused as refused:
        _, number = value_at(document.value, str(refused.pointer))
        assert isinstance(number, Number)
        assert math.isinf(float(number.text))
        return
    assert _same(yaml.load(written, loader), json.loads(document.raw))
    assert written.endswith(b"\n")
    assert b"\r" not in written


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
@pytest.mark.parametrize("dialect", ["env", "systemd", "shell"])
@given(given_texts=st.lists(texts, min_size=10, max_size=40))
@with_processes
def test_a_shell_reads_every_value_back(tmp_path: Path, shell: list[str], dialect: str, given_texts: list[str]) -> None:
    kept = {f"k{number}": text for number, text in enumerate(given_texts) if not why_not(DIALECTS[dialect], "K", text)}
    content = EnvFormat(dialect=dialect).render(parse_document(json.dumps(kept).encode()))
    path = tmp_path / "file.env"
    path.write_bytes(content)
    expected = {name.upper(): text for name, text in kept.items()}
    assert read_by_shell(shell, str(path), tuple(expected)) == expected


@pytest.mark.parametrize("arrays", ["json", "index", "comma"])
@given(documents=st.lists(objects, min_size=4, max_size=8), has_export=st.booleans())
@with_processes
def test_a_shell_reads_whole_documents_back_unless_they_are_refused(
    tmp_path: Path, arrays: str, documents: list[dict[str, JsonValue]], has_export: bool
) -> None:
    content = b""
    expected: dict[str, str] = {}
    for number, value in enumerate(documents):
        naming = Naming(prefix=f"D{number}_", arrays=arrays, nulls="word")
        bound = EnvFormat(dialect="shell", naming=naming, has_export=has_export)
        document = parse_document(source(value).encode("utf-8"))
        try:
            content += bound.render(document)
        except RenderRefused:
            continue
        expected.update({entry.name: entry.text for entry in flatten(document.value, naming).entries})
    path = tmp_path / "file.env"
    path.write_bytes(content)
    assert read_by_shell(SHELLS["sh"], str(path), tuple(expected)) == expected


@given(given_texts=st.lists(texts, max_size=30))
@quick
def test_raw_and_kubernetes_files_are_read_back(given_texts: list[str]) -> None:
    for dialect, read in (("docker", read_as_docker), ("kubernetes", read_as_kubelet)):
        kept = {f"K{number}": one for number, one in enumerate(given_texts) if not why_not(DIALECTS[dialect], "K", one)}
        assert read(EnvFormat(dialect=dialect).render(Document(b"", dict(kept)))) == kept


@given(given_texts=st.lists(texts, max_size=30))
@quick
def test_a_dotenv_library_reads_every_value_back_and_the_names_around_it(given_texts: list[str]) -> None:
    kept = {f"K{number}": one for number, one in enumerate(given_texts) if not why_not(DIALECTS["dotenv"], "K", one)}
    around = {"A_BEFORE": "one", **kept, "Z_AFTER": "two"}
    assert read_as_dotenv(EnvFormat(dialect="dotenv").render(Document(b"", dict(around)))) == around


@pytest.mark.parametrize("dialect", ["docker", "kubernetes", "dotenv"])
@given(value=objects, arrays=st.sampled_from(["json", "index", "comma"]), nulls=st.sampled_from(["omit", "word"]))
@examples(80)
def test_whole_documents_are_read_back_by_name_or_refused(
    dialect: str, value: dict[str, JsonValue], arrays: str, nulls: str
) -> None:
    read = {"docker": read_as_docker, "kubernetes": read_as_kubelet, "dotenv": read_as_dotenv}[dialect]
    naming = Naming(arrays=arrays, nulls=nulls)
    document = parse_document(source(value).encode("utf-8"))
    try:
        content = EnvFormat(dialect=dialect, naming=naming).render(document)
    except RenderRefused as refused:
        value_at(document.value, str(refused.pointer))  # it leads somewhere
        return
    assert read(content) == {entry.name: entry.text for entry in flatten(document.value, naming).entries}


@given(value=st.dictionaries(st.one_of(keys, texts), values, max_size=5))
@examples(150)
def test_a_file_a_key_holds_the_value_or_the_key_is_refused(value: dict[str, JsonValue]) -> None:
    document = parse_document(source(value).encode("utf-8"))
    bound = FilesFormat()
    try:
        names = bound.keys(document)
    except RenderRefused as refused:
        value_at(document.value, str(refused.pointer))  # it leads somewhere
        return
    assert names == tuple(key for key, one in value.items() if one is not None)
    for name in names:
        one, content = value[name], bound.for_key(name).render(document)
        assert "/" not in name
        assert content == (one.encode() if isinstance(one, str) else compact_json(one).encode())


@given(number=numbers)
@examples(100)
def test_a_number_keeps_its_spelling_through_every_format_but_what_yaml_must_add(number: JsonValue) -> None:
    spelled = source(number)
    document = parse_document(f'{{"n":{spelled}}}'.encode())
    for style in ("verbatim", "pretty", "compact", "canonical"):
        assert JsonFormat(style=style).render(document).decode().split(":")[1].strip(" \n}") == spelled
    for dialect in DIALECTS:
        assert EnvFormat(dialect=dialect).render(document).decode().strip().strip("'\"") in (
            f"N={spelled}",
            f"N='{spelled}",
            f'N="{spelled}',
        )
    assert FilesFormat().for_key("n").render(document).decode() == spelled
    digits = re.sub("[^0-9]", "", spelled)
    if math.isinf(float(spelled)):
        return
    written = YamlFormat().render(document).decode()
    assert re.sub("[^0-9]", "", written) == digits or re.fullmatch(r"-?[0-9]+[eE].*", spelled)


@given(text=texts, number=numbers)
@examples(100)
def test_what_a_filter_spells_is_read_back(text: str, number: JsonValue) -> None:
    document = parse_document(source({"v": {"t": text, "n": number}, "t": text}).encode("utf-8"))
    lines = "{{ v|json }}\n{{ v|yaml }}\n{{ t|b64encode }}\n{{ t|toml }}"
    template = compile_template(AbsolutePath("/t.j2"), lines)
    if math.isinf(float(source(number))):
        with pytest.raises(RenderRefused, match="line 2: a number beyond a double"):
            template.render(document)
        return
    written = template.render(document).decode("utf-8").split("\n")
    as_json, as_yaml, as_base64, as_toml = written
    assert _same(json.loads(as_json), json.loads(document.raw)["v"])
    assert _same(yaml.safe_load(as_yaml), json.loads(document.raw)["v"])
    assert base64.b64decode(as_base64).decode("utf-8") == text
    assert tomllib.loads(f"t = {as_toml}") == {"t": text}


@pytest.mark.parametrize("dialect", DIALECTS)
@given(value=objects, secret=texts)
@quick
def test_a_refusal_names_a_place_and_never_the_value(dialect: str, value: dict[str, JsonValue], secret: str) -> None:
    document = Document(b"", {**value, "marked": [f"{MARKER}{secret}"], "string": f"{secret}{MARKER}"})
    try:
        EnvFormat(dialect=dialect).render(document)
    except RenderRefused as error:
        refused = error
    else:
        return
    assert MARKER not in f"{refused.message} {refused.hint} {refused!r}"
    assert refused.pointer is not None
    assert len(refused.message.splitlines()) == 1


@given(value=objects)
@quick
def test_rendering_twice_gives_the_same_bytes(value: dict[str, JsonValue]) -> None:
    template = compile_template(
        AbsolutePath("/t.j2"), "{{ config }}{% for k in config %}{{ config[k]|json }}{% endfor %}"
    )
    for bound in (*TREE_FORMATS.values(), *(EnvFormat(dialect=one) for one in DIALECTS), template):
        once = [_render(bound, value) for _ in range(2)]
        assert once[0] == once[1]
        if isinstance(once[0], bytes):
            once[0].decode("utf-8")
            assert not once[0].startswith(b"\xef\xbb\xbf")


@given(number=numbers)
@examples(100)
def test_a_template_prints_numbers_as_spelled(number: JsonValue) -> None:
    document = parse_document(source({"n": number}).encode())
    written = compile_template(AbsolutePath("/t.j2"), "{{ n }} {{ n|json }} {{ [n] }} {{ n ~ '' }}").render(document)
    spelled = source(number)
    assert written.decode() == f"{spelled} {spelled} [{spelled}] {spelled}"


def _render(bound: Format, value: dict[str, JsonValue]) -> bytes | str:
    try:
        return bound.render(parse_document(source(value).encode("utf-8")))
    except RenderRefused as refused:
        return refused.message
