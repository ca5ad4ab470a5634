"""Schemas: what fits, what is told of what does not, and that nothing is ever fetched for one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from config_sync.document import parse_document
from config_sync.schema_check import BadSchema, Schema

DRAFTS = [
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
]


def told(schema: object, document: str) -> list[str]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return [str(one) for one in Schema(text.encode()).misfits(parse_document(document.encode()).value)]


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_draft_by_its_name(draft: str) -> None:
    schema = {"$schema": draft, "type": "object", "required": ["a"]}
    assert told(schema, '{"a": 1}') == []
    assert told(schema, "{}") == ["the top of the document lacks a required member (/required)"]


@pytest.mark.parametrize(
    ("schema", "document", "said"),
    [
        ({"type": "object"}, '"hunter2"', "the top of the document is of another type (/type)"),
        (
            {"properties": {"a/b": {"items": {"type": "integer"}}}},
            '{"a/b": [1, "hunter2"]}',
            "/a~1b/1 is of another type (/properties/a~1b/items/type)",
        ),
        ({"enum": ["x"]}, '"hunter2"', "the top of the document is none of the allowed values (/enum)"),
        ({"const": "x"}, '"hunter2"', "the top of the document is not the one allowed value (/const)"),
        ({"pattern": "^x"}, '"hunter2"', "the top of the document does not match the pattern (/pattern)"),
        ({"maxLength": 3}, '"hunter2"', "the top of the document is too long (/maxLength)"),
        ({"anyOf": [{"type": "null"}]}, '"hunter2"', "the top of the document fits none of the alternatives (/anyOf)"),
        ({"not": {}}, '"hunter2"', "the top of the document fits what it must not (/not)"),
        (
            {"additionalProperties": False},
            '{"a": "hunter2"}',
            "the top of the document has a member that is not allowed (/additionalProperties)",
        ),
        (False, '"hunter2"', "the top of the document does not fit (schema)"),
    ],
)
def test_a_misfit_is_told_by_its_places_and_never_by_its_value(schema: object, document: str, said: str) -> None:
    assert told(schema, document) == [said]


@pytest.mark.parametrize("draft", DRAFTS)
def test_format_counts_up_to_draft_7_as_the_drafts_say(draft: str) -> None:
    found = told({"$schema": draft, "format": "ipv4"}, '"hunter2"')
    assert found == (["the top of the document is not of the format (/format)"] if "draft-0" in draft else [])


@pytest.mark.parametrize("number", ["1e9223372036854775807", "1.5e-99999999999999999999"])
def test_a_number_that_cannot_be_compared_fits_nothing_and_ends_nothing(number: str) -> None:
    found = Schema(b"{}").misfits(parse_document(f'{{"a": {number}}}'.encode()).value)
    assert len(found) == 1


def test_all_misfits_are_found_each_once() -> None:
    schema = {"items": {"type": "string"}, "maxItems": 1}
    assert len(told(schema, "[1, 2, 3]")) == 4


@pytest.mark.parametrize(
    ("schema", "document", "fits"),
    [
        ('{"maximum": 1000000000000000000000000000000}', "1000000000000000000000000000000", True),
        ('{"maximum": 1000000000000000000000000000000}', "1000000000000000000000000000001", False),
        ('{"maximum": 1e399}', "1e400", False),
        ('{"const": 1e400}', "1e400", True),
        ('{"const": 1e400}', "1e401", False),
        ('{"type": "integer"}', "1e400", True),
        ('{"type": "integer"}', "-7", True),
        ('{"type": "integer"}', "1.0", True),
        ('{"type": "integer"}', "1.5", False),
        ('{"minimum": 0.1}', "0.09999999999999999999999999999", False),
        ('{"minimum": 0.1}', "0.1", True),
        ('{"multipleOf": 0.1}', "1.1", True),
        ('{"const": 1.1}', "1.10", True),
        ('{"maximum": 5}', "9" * 5000, False),
        ('{"type": "integer"}', "9" * 5000, True),
        ('{"type": "number"}', "1e999999999", True),
    ],
)
def test_numbers_are_compared_as_they_are(schema: str, document: str, fits: bool) -> None:
    assert (told(schema, document) == []) is fits


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref": "URL"}',
        '{"$ref": "file:///etc/hostname"}',
        '{"$ref": "other.json"}',
        '{"$id": "file:///etc/x.json", "$ref": "hostname"}',
        '{"$id": "URL", "$ref": "other.json"}',
        '{"$schema": "URL"}',
        '{"$schema": "http://json-schema.org/draft-03/schema#"}',
        '{"type": "bogus"}',
        '{"pattern": "("}',
        '{"a": 1, "a": 2}',
        '{"type"',
        "[]",
        "",
        '"/etc/hostname"',
        "\ufeff{}",
    ],
)
def test_a_schema_that_cannot_be_used_says_why_and_nothing_is_asked_for(schema: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        with pytest.raises(BadSchema) as bad:
            Schema(schema.replace("URL", f"http://127.0.0.1:{server.getsockname()[1]}/x.json").encode())
        assert str(bad.value)
        assert "\n" not in str(bad.value)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_references_within_the_schema_and_to_the_drafts_lead_somewhere() -> None:
    assert told({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "1") != []
    bundled = {"$id": "https://x/a", "$ref": "b", "$defs": {"b": {"$id": "b", "type": "string"}}}
    assert told(bundled, '"x"') == []
    assert told({"$ref": "https://json-schema.org/draft/2020-12/schema"}, '{"type": "string"}') == []


def test_the_validator_is_not_imported_before_a_schema_is_used() -> None:
    code = "import sys, config_sync.settings.loading, config_sync.reconciler; sys.exit('jsonschema_rs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
