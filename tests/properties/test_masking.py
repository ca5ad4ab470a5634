"""What `diff` shows of files holds no piece of a value, whatever the values are and whoever edited the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config_sync.document import compact_json, parse_document
from config_sync.errors import RenderRefused
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import KeyFormat
from config_sync.formats.flatten import Naming
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.template import TemplateFormat, compile_template
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import AbsolutePath, Format, JsonValue, Number
from config_sync.reconciler.comparing import masked
from config_sync.reconciler.hunks import HunkLine, Side


def calmly(count: int) -> settings:
    """So many examples, however slow the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])


LEAST = 3
"""Characters of a value in a row that would be a leak."""

# Names are of small letters; values of anything else, so that a piece of one found in the output came from a value.
_VALUE_CHARACTERS = "ABCXYZ0189 '\"\\\n\t$`{}[]#-.,&*%|>?@~;_=:é😀"
names = st.sampled_from(["ak", "bq", "host", "pass-word", "a.b", "ünit", "port"])
texts = st.one_of(
    st.text(st.sampled_from(_VALUE_CHARACTERS), max_size=14),
    # What becomes a name where a line break or a quote goes astray.
    st.sampled_from(["ABCX=YZ1", "ABCX: YZ1", "XYZ1", 'ABC":{"XYZ', "- ABCX: 1", "ABCX='YZ1'", "XYZ\nABCX=1"]),
)
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).map(Number)
scalars: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), numbers.filter(lambda n: n.text.isascii()), texts
)
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)
documents: st.SearchStrategy[dict[str, JsonValue]] = st.dictionaries(names, values, min_size=1, max_size=5)

TEMPLATE = """\
# made by a program
{% for name in config %}
<entry name="{{ name }}" value="{{ config[name] | json }}"/>
{{ config[name] | json }}
{% endfor %}
"""


def _template() -> TemplateFormat:
    return compile_template(AbsolutePath("/t.j2"), TEMPLATE)


FORMATS: tuple[Format, ...] = (
    JsonFormat(),
    JsonFormat("pretty"),
    YamlFormat(),
    *(
        EnvFormat(dialect, Naming(is_upper=False))
        for dialect in ("env", "dotenv", "systemd", "shell", "docker", "kubernetes")
    ),
    _template(),
    KeyFormat("host"),
)


def scalars_of(value: JsonValue) -> Iterator[str]:
    match value:
        case dict():
            for child in value.values():
                yield from scalars_of(child)
        case list():
            for child in value:
                yield from scalars_of(child)
        case str():
            yield value
        case _:
            yield compact_json(value)


def leaks(lines: tuple[HunkLine, ...], note: str | None, *documents: JsonValue) -> list[str]:
    """Pieces of values in what is shown; what we say ourselves is taken out first."""
    said = [line.text for line in lines if line.side is not Side.PLACE]
    for line in lines:
        if line.side is Side.PLACE:
            assert re.fullmatch(r"@ -\d+(,\d+)? \+\d+(,\d+)? @@", line.text)
    body = "\n".join(re.sub(r" \(changed\)$", "", text) for text in said)
    if note is not None:
        body += "\n" + re.sub(r"only line numbers can be shown: |line \d+", "", note)
    body = body.replace("# made by a program", "").replace('<entry name="', "").replace('" value="', "")
    pieces = {
        text[at : at + LEAST]
        for document in documents
        for text in scalars_of(document)
        for at in range(len(text) - LEAST + 1)
    }
    return sorted(piece for piece in pieces if piece in body and not re.fullmatch(r"[\s{}\[\]:\-=\"'/>]*", piece))


def _rendered(form: Format, value: dict[str, JsonValue]) -> bytes | None:
    try:
        return form.render(parse_document(compact_json(value).encode()))
    except RenderRefused:
        return None


@given(st.sampled_from(FORMATS), st.sampled_from(FORMATS), documents, documents)
@calmly(300)
def test_no_piece_of_a_value_is_shown_of_a_change_even_where_the_format_changed(
    form: Format, before: Format, old: dict[str, JsonValue], new: dict[str, JsonValue]
) -> None:
    there, wanted = _rendered(before, old), _rendered(form, new)
    if there is None or wanted is None:
        return
    lines, note = masked(form, there, wanted, is_ours=True)
    assert leaks(lines, note, old, new) == []
    assert bool(lines or note) or there == wanted


@given(st.sampled_from(FORMATS), documents, documents, st.data())
@calmly(400)
def test_no_piece_of_a_value_is_shown_of_a_file_that_somebody_edited(
    form: Format, old: dict[str, JsonValue], new: dict[str, JsonValue], data: st.DataObject
) -> None:
    there, wanted = _rendered(form, old), _rendered(form, new)
    if there is None or wanted is None:
        return
    text = there.decode()
    for _ in range(data.draw(st.integers(1, 3))):
        values_at = [found.start() for found in re.finditer("ABCX|XYZ1", text)]
        start = data.draw(st.one_of(st.integers(0, len(text)), *([st.sampled_from(values_at)] if values_at else [])))
        end = data.draw(st.integers(start, min(len(text), start + 3)))
        put = data.draw(
            st.sampled_from(["", "\n", ": ", "=", '"', "'", "\n- ", "#", ",", "{", "}", "\nXYZ=", " ", "? "])
        )
        text = text[:start] + put + text[end:]
    lines, note = masked(form, text.encode(), wanted, is_ours=False)
    assert leaks(lines, note, old, new) == []


@given(st.sampled_from(FORMATS), documents)
@calmly(100)
def test_a_new_file_shows_its_structure_only(form: Format, new: dict[str, JsonValue]) -> None:
    wanted = _rendered(form, new)
    if wanted is not None:
        lines, note = masked(form, None, wanted, is_ours=False)
        assert leaks(lines, note, new) == []


@given(documents, st.sampled_from([JsonFormat(), YamlFormat(), EnvFormat("env", Naming(is_upper=False))]))
@calmly(100)
def test_how_long_a_value_is_cannot_be_seen(document: dict[str, JsonValue], form: Format) -> None:
    def stretched(value: JsonValue) -> JsonValue:
        match value:
            case dict():
                return {name: stretched(child) for name, child in value.items()}
            case list():
                return [stretched(child) for child in value]
            case str():
                return value + "A" * 50
            case _:
                return value

    longer = {name: stretched(value) for name, value in document.items()}
    short, long = _rendered(form, document), _rendered(form, longer)
    if short is not None and long is not None:
        assert masked(form, None, short, is_ours=False) == masked(form, None, long, is_ours=False)
