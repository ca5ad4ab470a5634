"""The json format: the service's bytes, or the same tokens in another layout."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from tests.unit.formats.vectors import Option, built

SOURCE = (
    b'{"z" :\r\n\t1.10, "a":[ ],"m":{\n},"e":"\\u00e9<&>\\/", "n":[1e3,{"k":null},[123456789012345678901234567890]]}'
)

STYLES: dict[str, tuple[dict[str, Option], bytes]] = {
    "verbatim": ({}, SOURCE),
    "verbatim_with_newline": ({"final_newline": True}, SOURCE + b"\n"),
    "compact": (
        {"style": "compact"},
        b'{"z":1.10,"a":[],"m":{},"e":"\\u00e9<&>\\/","n":[1e3,{"k":null},[123456789012345678901234567890]]}\n',
    ),
    "canonical": (
        {"style": "canonical"},
        '{"a":[],"e":"é<&>/","m":{},"n":[1e3,{"k":null},[123456789012345678901234567890]],"z":1.10}\n'.encode(),
    ),
    "pretty": (
        {"style": "pretty"},
        b"""{
  "z": 1.10,
  "a": [],
  "m": {},
  "e": "\\u00e9<&>\\/",
  "n": [
    1e3,
    {
      "k": null
    },
    [
      123456789012345678901234567890
    ]
  ]
}
""",
    ),
}


@pytest.mark.parametrize(("given", "expected"), STYLES.values(), ids=STYLES)
def test_a_style_changes_white_space_and_order_only(given: dict[str, Option], expected: bytes) -> None:
    assert built("json", given).render(parse_document(SOURCE)) == expected


@pytest.mark.parametrize("raw", [b"[]", b"{}", b'"a"', b"1e3", b"null", b"[[],{}]", b'"[1,\\"2\\"]"'])
def test_any_value_may_be_the_top(raw: bytes) -> None:
    assert built("json").render(parse_document(raw)) == raw
    assert built("json", {"style": "compact"}).render(parse_document(raw)) == raw + b"\n"
    assert built("json", {"style": "canonical"}).render(parse_document(raw)) == raw + b"\n"


def test_the_option_never_adds_a_second_newline() -> None:
    assert built("json", {"final_newline": True}).render(parse_document(b"{}\n")) == b"{}\n"


def test_one_content_has_one_canonical_form() -> None:
    canonical = built("json", {"style": "canonical"})
    assert canonical.render(parse_document(b'{"b": "\\u00e9", "a": 1.0}')) == canonical.render(
        parse_document('{"a":1.0,"b":"é"}'.encode())
    )
