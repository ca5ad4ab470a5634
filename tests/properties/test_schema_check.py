"""What is told of a document that does not fit a schema holds no piece of a value of it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from config_sync.model import JsonValue
from config_sync.schema_check import Schema
from tests.properties.test_masking import LEAST, calmly, documents, scalars_of

KINDS = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
RULES = st.one_of(
    st.builds(lambda kind: {"type": kind}, KINDS),
    st.sampled_from(
        [{"enum": []}, {"minLength": 99}, {"pattern": "^$"}, {"maximum": -1e9}, {"maxProperties": 0}, {"maxItems": 0}]
    ),
    st.builds(lambda kind: {"anyOf": [{"type": kind}, {"not": {}}]}, KINDS),
    st.builds(lambda kind: {"oneOf": [{}, {"type": kind}]}, KINDS),
    st.sampled_from([{"propertyNames": {"maxLength": 0}}, {"contains": {"enum": []}}, {"not": {}}, {"multipleOf": 7}]),
)


@given(documents, RULES, RULES)
@calmly(300)
def test_no_piece_of_a_value_is_told(document: dict[str, JsonValue], one: object, other: object) -> None:
    schema = Schema(
        json.dumps({"additionalProperties": {"allOf": [one], "additionalProperties": other, "items": other}}).encode()
    )
    told = " ".join(map(str, schema.misfits(document)))
    pieces = {text[at : at + LEAST] for text in scalars_of(document) for at in range(len(text) - LEAST + 1)}
    # Pointers have digits too: the indexes of items.
    assert [piece for piece in pieces if piece in told and any(char in "ABCXYZ" for char in piece)] == []
