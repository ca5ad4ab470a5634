"""Merging, against a reference that is nothing but the RFC's pseudo code; and traces against the merge itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.document import compact_json, parse_document, pointer, value_at
from config_sync.errors import SelectionMissing
from config_sync.merging import merge_patch, merged, trace
from config_sync.model import Document, JsonValue
from config_sync.selecting import selected
from tests.properties.documents import scalars

NAMES = st.sampled_from(["a", "b", "c", "~", "/", "", "0"])
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=10,
)
LAYERS = st.lists(VALUES, min_size=1, max_size=4)


def reference(target: JsonValue, patch: JsonValue) -> JsonValue:
    """RFC 7396, section 2, line by line."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = reference(target.get(name), value)
        return target
    return patch


@given(LAYERS)
def test_merging_is_what_the_rfc_says(layers: list[JsonValue]) -> None:
    expected = copy.deepcopy(layers[0])
    for patch in copy.deepcopy(layers[1:]):
        expected = reference(expected, patch)
    before = copy.deepcopy(layers)
    found = merged(layers)
    assert compact_json(found) == compact_json(expected)  # the order of members too
    assert layers == before


@given(VALUES, VALUES)
def test_a_patch_applied_twice_is_the_patch_applied_once(target: JsonValue, patch: JsonValue) -> None:
    once = merge_patch(target, patch)
    assert compact_json(merge_patch(once, patch)) == compact_json(once)


@given(LAYERS)
def test_a_merge_is_read_back_as_it_is(layers: list[JsonValue]) -> None:
    text = compact_json(merged(layers))
    assert parse_document(text.encode()).value == merged(layers)
    json.loads(text)


@given(LAYERS, st.data())
def test_a_trace_names_the_layers_that_gave_the_value(layers: list[JsonValue], data: st.DataObject) -> None:
    known = sorted({place for one in [*layers, merged(layers)] for place in _places(one, ())})
    place = data.draw(st.sampled_from(known))
    found = trace(layers, place)
    try:
        _, value = value_at(merged(layers), place)
    except LookupError:
        assert not found.is_there
        assert found.others
        return
    assert found.is_there
    assert compact_json(found.value) == compact_json(value)
    assert list(found.makers) == sorted(set(found.makers))
    if not isinstance(value, dict):
        (maker,) = found.makers
        assert value_at(layers[maker], place)[1] == value
        later = layers[maker + 1 :]
        assert all(isinstance(one, dict) for one in later)  # else it would have taken the place of everything
    for maker in found.makers:
        assert isinstance(value_at(layers[maker], place)[1], type(value))


@given(VALUES, st.data())
def test_what_is_selected_is_the_part_and_nothing_else_is_there(whole: JsonValue, data: st.DataObject) -> None:
    document = Document(compact_json(whole).encode(), whole)
    place = data.draw(st.sampled_from(sorted(_places(whole, ()))))
    part = selected(document, place, what="config 'a'")
    assert parse_document(part.raw).value == part.value == value_at(whole, place)[1]
    beyond = f"{place}/no such member"
    with pytest.raises(SelectionMissing) as caught:
        selected(document, beyond, what="config 'a'")
    assert caught.value.pointer == beyond


def _places(value: JsonValue, parts: tuple[str | int, ...]) -> Iterator[str]:
    yield pointer(parts)
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _places(child, (*parts, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _places(child, (*parts, index))
