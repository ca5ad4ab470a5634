"""The format ``files``: which keys give files, and which bytes they hold."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from config_sync.errors import RenderRefused
from config_sync.formats import FORMATS, format_for_path
from config_sync.formats.files import FilesFormat
from config_sync.model import AbsolutePath, SetFormat
from tests.unit.formats.vectors import built

FILES = FilesFormat()

CONTENT: dict[str, tuple[bytes, bytes]] = {
    "string": (b'"hunter2"', b"hunter2"),
    "empty_string": (b'""', b""),
    "final_newline_kept": (b'"a\\n"', b"a\n"),
    "line_ends_kept": (b'"a\\r\\nb\\r"', b"a\r\nb\r"),
    "nul": (b'"a\\u0000b"', b"a\0b"),
    "other_scripts": ('"é\\ud83d\\ude00"'.encode(), "é😀".encode()),
    "number_as_spelled": (b"1.10", b"1.10"),
    "exponent_as_spelled": (b"1E+2", b"1E+2"),
    "number_of_5000_digits": (b"9" * 5000, b"9" * 5000),
    "true": (b"true", b"true"),
    "false": (b"false", b"false"),
    "object": (b'{ "b": 1.0, "a": [ ] }', b'{"b":1.0,"a":[]}'),
    "array": (b'[1e3, "x"]', b'[1e3,"x"]'),
}


@pytest.mark.parametrize(("value", "expected"), CONTENT.values(), ids=CONTENT)
def test_a_file_holds_the_value_and_not_a_byte_more(value: bytes, expected: bytes) -> None:
    document = parse_document(b'{"k":%s}' % value)
    assert FILES.keys(document) == ("k",)
    assert FILES.for_key("k").render(document) == expected


def test_keys_are_in_document_order_and_null_is_no_file() -> None:
    assert FILES.keys(parse_document(b'{"z":1,"n":null,"..":null}'.replace(b"..", b"a"))) == ("z",)
    assert FILES.keys(parse_document(b'{"z":1,".hidden":2,"a-B_9.x":3,"-":4,"_":5}')) == (
        "z", ".hidden", "a-B_9.x", "-", "_",
    )  # fmt: skip
    assert FILES.keys(parse_document(b"{}")) == ()


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "two_dots": (b'{"..":1}', "/..", "does not begin with .."),
    "two_dots_in_front": (b'{"..data":1}', "/..data", "does not begin with .."),
    "one_dot": (b'{".":1}', "/.", "a file name has letters"),
    "a_slash": (b'{"a/b":1}', "/a~1b", "a file name has letters"),
    "a_line_feed": (b'{"a\\n":1}', "/a\n", "a file name has letters"),
    "a_blank": (b'{"a b":1}', "/a b", "a file name has letters"),
    "another_script": ('{"é":1}'.encode(), "/é", "a file name has letters"),
    "empty": (b'{"":1}', "/", "an empty key"),
    "of_a_null": (b'{"a b":null}', "/a b", "a file name has letters"),
    "too_long": (b'{"%s":1}' % (b"x" * 254), "/" + "x" * 254, "longer than 253"),
    "one_of_ours": (b'{".config-sync-x":1}', "/.config-sync-x", "kept for files of our own"),
    "an_array": (b"[1]", "", "an object at the top of the document, not an array"),
    "a_string": (b'"hunter2"', "", "an object at the top of the document, not a string"),
}


@pytest.mark.parametrize(("raw", "pointer", "words"), REFUSED.values(), ids=REFUSED)
def test_what_gives_no_file_is_refused_with_its_pointer_and_what_can_carry_it(
    raw: bytes, pointer: str, words: str
) -> None:
    for make in (FILES.keys, FILES.render):
        with pytest.raises(RenderRefused) as refused:
            make(parse_document(raw))
        assert refused.value.pointer == pointer
        assert words in refused.value.message
        assert "format: json and format: yaml" in (refused.value.hint or "")
        assert "hunter2" not in refused.value.message


def test_the_longest_name_is_taken() -> None:
    assert FILES.keys(parse_document(b'{"%s":1}' % (b"x" * 253))) == ("x" * 253,)


def test_the_whole_has_no_bytes_and_a_key_that_is_gone_no_file() -> None:
    with pytest.raises(RenderRefused, match="makes a directory"):
        FILES.render(parse_document(b'{"a":1}'))
    with pytest.raises(RenderRefused, match="/b gives no file"):
        FILES.for_key("b").render(parse_document(b'{"a":1}'))


def test_it_is_said_never_guessed_and_no_other_format_makes_a_set() -> None:
    assert format_for_path(AbsolutePath("/srv/files")) is None
    sets = [name for name in FORMATS if name != "template" and isinstance(built(name), SetFormat)]
    assert sets == ["files"]
    assert not isinstance(FILES.for_key("a"), SetFormat)
