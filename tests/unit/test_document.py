"""The strict reader: what is taken keeps every spelling, what is refused says why and where, and quotes nothing."""

from __future__ import annotations

import time

import pytest

from config_sync.document import compact_json, kind_of, parse_document, pointer, show
from config_sync.errors import DocumentRefused, Exit
from config_sync.model import JsonValue, Number

SECRET = "hunter2-hunter2"

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "empty_body": (b"", "DocumentBlank", "empty"),
    "white_space_only": (b" \r\n\t", "DocumentBlank", "empty"),
    "utf8_bom": (b"\xef\xbb\xbf{}", "DocumentHasBom", "byte order mark"),
    "utf16_with_bom": ("{}".encode("utf-16"), "DocumentNotUtf8", "UTF-16"),
    "utf16_without_bom": ("{}".encode("utf-16-le"), "DocumentNotUtf8", "UTF-16"),
    "utf32": ("{}".encode("utf-32-be"), "DocumentNotUtf8", "UTF-32"),
    "latin1": ('{"a":"é"}'.encode("latin-1"), "DocumentNotUtf8", "at byte 7"),
    "cesu8": (b'"\xed\xa0\xbd\xed\xb8\x80"', "DocumentNotUtf8", "at byte 2"),
    "overlong": (b'"\xc0\x80"', "DocumentNotUtf8", "at byte 2"),
    "nan": (b'{"a":NaN}', "DocumentHasNaN", "NaN"),
    "infinity": (b"[-Infinity]", "DocumentHasNaN", "-Infinity"),
    "html_page": (b"<html><body>502</body></html>", "DocumentNotJson", "line 1 column 1"),
    "truncated": (b'{"a":"hunter2-hunter2', "DocumentNotJson", "line 1 column 6"),
    "trailing_comma": (b'{"a":1,\n"b":[1,]}', "DocumentNotJson", "line 2 column 8"),
    "two_documents": (b'{"a":"hunter2-hunter2"}{}', "DocumentNotJson", "something follows its end"),
    "comment": (b'{} // "hunter2-hunter2"', "DocumentNotJson", "something follows its end"),
    "single_quotes": (b"{'a':'hunter2-hunter2'}", "DocumentNotJson", "line 1 column 2"),
    "raw_control_character": (b'"hunter2-hunter2\x01"', "DocumentNotJson", "control character"),
    "bad_escape": (b'"\\x"', "DocumentNotJson", "escape"),
    "leading_zero": (b"01", "DocumentNotJson", "column 2"),
    "bare_fraction": (b"1.", "DocumentNotJson", "column 2"),
    "arabic_digit": ("[١]".encode(), "DocumentNotJson", "column 2"),
    "no_break_space": ("\u00a0{}".encode(), "DocumentNotJson", "column 1"),
    "form_feed": (b"[1\f]", "DocumentNotJson", "column 3"),
    "duplicate_at_top": (b'{"a":1,"a":1}', "DocumentHasDuplicates", " /a more than once"),
    "duplicate_deep": (b'{"o":[0,{"x/y~":1,"b":2,"x/y~":3}]}', "DocumentHasDuplicates", " /o/1/x~1y~0 more"),
    "duplicate_by_escape": (b'{"a":1,"\\u0061":2}', "DocumentHasDuplicates", " /a more"),
    "duplicate_inside_a_duplicate": (b'{"a":{"x":1,"x":2},"a":1}', "DocumentHasDuplicates", " /a more"),
    "surrogate_in_value": (b'{"a":["\\ud800"]}', "DocumentHasSurrogates", "value of /a/0"),
    "surrogate_in_name": (b'{"\\udc00":1}', "DocumentHasSurrogates", "name of /\\udc00"),
    "surrogates_swapped": (b'"\\ude00\\ud83d"', "DocumentHasSurrogates", "the top of the document"),
    "depth_101": (b"[" * 101 + b"]" * 101, "DocumentTooDeep", "100 levels"),
    "depth_10000": (b"[" * 10_000 + b"]" * 10_000, "DocumentTooDeep", "100 levels"),
    "depth_10000_objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "DocumentTooDeep", "100 levels"),
    "depth_unclosed": (b"[" * 1_000_000, "DocumentTooDeep", "100 levels"),
    "depth_behind_strings": (b'["' + b'\\\\\\"[' * 200_000 + b'",' + b"[" * 101, "DocumentTooDeep", "100 levels"),
    "depth_behind_a_backslash_outside": (b'\\"' + b"[" * 10_000, "DocumentTooDeep", "100 levels"),
    "depth_behind_a_wide_part": (b"[" + b"[]," * 200 + b"[" * 101, "DocumentTooDeep", "100 levels"),
}

KEPT: dict[str, tuple[bytes, JsonValue]] = {
    "numbers_as_spelled": (b"[1.10,1e3,-0,-0.0,1E+2]", [Number(one) for one in ["1.10", "1e3", "-0", "-0.0", "1E+2"]]),
    "number_of_5000_digits": (b"9" * 5000, Number("9" * 5000)),
    "fraction_of_5000_digits": (b"-0." + b"9" * 5000, Number("-0." + "9" * 5000)),
    "surrogate_pair": (b'"\\ud83d\\ude00"', "😀"),
    "escaped_backslash_before_u": (b'"\\\\ud800"', "\\ud800"),
    "noncharacter": ('"\ufffe"'.encode(), "\ufffe"),
    "nul_escape": (b'"\\u0000"', "\0"),
    "order": (b'{"z":1,"a":{},"m":[]}', {"z": Number("1"), "a": {}, "m": []}),
    "scalars": (b"[true,false,null]", [True, False, None]),
    "white_space_around": (b" \r\n{}\n", {}),
    "brackets_in_a_long_string": (b'"' + b'[{\\\\\\"' * 400_000 + b'"', '[{\\"' * 400_000),
    "brackets_in_strings": (b'"' + b'[{\\"' * 1000 + b'"', '[{"' * 1000),
}


@pytest.mark.parametrize(("raw", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_a_document_that_readers_could_misread_is_refused_with_its_own_reason(
    raw: bytes, reason: str, words: str
) -> None:
    with pytest.raises(DocumentRefused) as refused:
        parse_document(raw)
    assert refused.value.reason == reason
    assert words in refused.value.message
    assert refused.value.exit_code is Exit.DOCUMENT


@pytest.mark.parametrize("raw", [raw for raw, _, _ in REFUSED.values()], ids=REFUSED)
def test_a_refusal_never_carries_the_content(raw: bytes) -> None:
    with pytest.raises(DocumentRefused) as refused:
        parse_document(raw)
    told = f"{refused.value.message} {refused.value.hint}"
    assert SECRET not in told
    assert len(told.splitlines()) == 1
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize(("raw", "value"), KEPT.values(), ids=KEPT)
def test_a_document_keeps_its_spellings_and_its_bytes(raw: bytes, value: JsonValue) -> None:
    document = parse_document(raw)
    assert document.value == value
    assert document.raw == raw


def test_a_hundred_levels_are_read() -> None:
    raw = b'{"a":[' * 50 + b"]}" * 50
    assert compact_json(parse_document(raw).value).encode() == raw


def test_wide_documents_are_not_deep() -> None:
    raw = b"[" + b",".join([b"[[{}],[]]"] * 300) + b"]"
    assert compact_json(parse_document(raw).value).encode() == raw


def test_two_megabytes_are_read_in_a_few_seconds_of_cpu_time() -> None:
    raw = b"[" + b",".join(b'{"name":"value %d","n":[1.5,true]}' % number for number in range(55_000)) + b"]"
    started = time.thread_time()
    compact_json(parse_document(raw).value)
    assert len(raw) > 2_000_000
    assert time.thread_time() - started < 30


@pytest.mark.parametrize("raw", [b'"' + b'\\"' * 1_000_000, b"]" * 2_000_000, b"{" + b'"a' * 100 + b"[" * 2_000_000])
def test_broken_documents_take_linear_time(raw: bytes) -> None:
    started = time.thread_time()
    with pytest.raises(DocumentRefused):
        parse_document(raw)
    assert time.thread_time() - started < 30


def test_a_document_shows_nothing() -> None:
    assert SECRET not in repr(parse_document(b'{"a":"%s"}' % SECRET.encode()))


# RFC 6901, section 5.
POINTERS: dict[str, tuple[tuple[str | int, ...], str]] = {
    "top": ((), ""),
    "member": (("foo",), "/foo"),
    "index": (("foo", 0), "/foo/0"),
    "empty_name": (("",), "/"),
    "slash": (("a/b",), "/a~1b"),
    "percent": (("c%d",), "/c%d"),
    "tilde": (("m~n",), "/m~0n"),
    "tilde_before_one": (("~1",), "/~01"),
}


@pytest.mark.parametrize(("parts", "expected"), POINTERS.values(), ids=POINTERS)
def test_a_pointer_is_that_of_the_rfc(parts: tuple[str | int, ...], expected: str) -> None:
    assert pointer(parts) == expected


def test_a_place_is_one_printable_line() -> None:
    assert show(("a\nb", "\x1b[0m")) == "/a\\nb/\\x1b[0m"
    assert show(()) == "the top of the document"
    assert len(show(("x" * 10_000,))) < 250


def test_compact_json_escapes_only_what_json_demands() -> None:
    value: JsonValue = {"é</script>": ["\u2028\x7f", '\x00\n"\\', Number("1.10"), None, True, {}, []]}
    assert compact_json(value) == '{"é</script>":["\u2028\x7f","\\u0000\\n\\"\\\\",1.10,null,true,{},[]]}'


def test_sorted_members_are_in_code_point_order_at_every_level() -> None:
    value: JsonValue = {"b": {"z": None, "é": None, "a": None}, "B": None}
    assert compact_json(value, sort_keys=True) == '{"B":null,"b":{"a":null,"z":null,"é":null}}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "a boolean"),
        (Number("1"), "a number"),
        ("", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
    ids=["null", "boolean", "number", "string", "array", "object"],
)
def test_a_value_is_named_by_its_kind(value: JsonValue, expected: str) -> None:
    assert kind_of(value) == expected
