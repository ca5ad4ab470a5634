"""One part of a document: by the RFC's own pointers, and a refusal that names the nearest place and no value."""

from __future__ import annotations

import pytest

from config_sync.document import parse_document
from config_sync.errors import Exit, RenderRefused, Retry, SelectionMissing
from config_sync.selecting import selected

RFC = parse_document(
    b'{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\\\j": 5, "k\\"l": 6, " ": 7, "m~n": 8}'
)
"""RFC 6901, section 5."""

PARTS = {
    "/foo": b'["bar","baz"]', "/foo/0": b'"bar"', "/": b"0", "/a~1b": b"1", "/c%d": b"2", "/e^f": b"3", "/g|h": b"4",
    "/i\\j": b"5", '/k"l': b"6", "/ ": b"7", "/m~0n": b"8",
}  # fmt: skip


@pytest.mark.parametrize(("place", "raw"), PARTS.items(), ids=PARTS.keys())
def test_the_examples_of_the_rfc(place: str, raw: bytes) -> None:
    assert selected(RFC, place, what="config 'a'").raw == raw


def test_numbers_keep_their_spelling() -> None:
    document = parse_document(b'{"a": {"x": 1.10, "y": [1E3, 123456789012345678901234567890]}}')
    part = selected(document, "/a", what="config 'a'")
    assert part.raw == b'{"x":1.10,"y":[1E3,123456789012345678901234567890]}'


SECRET = parse_document(b'{"db": {"password": "hunter2", "hosts": ["hunter2"]}, "n": null, "a/b": {"c": 7}}')
MISSING = {
    "member": ("/db/url", "/db, an object"),
    "deep": ("/db/x/y/z", "/db, an object"),
    "top": ("/nothing", "the top of the document, an object"),
    "index": ("/db/hosts/1", "/db/hosts, an array"),
    "past-the-end": ("/db/hosts/-", "/db/hosts, an array"),
    "leading-zero": ("/db/hosts/00", "/db/hosts, an array"),
    "name-in-an-array": ("/db/hosts/x", "/db/hosts, an array"),
    "below-a-text": ("/db/password/x", "/db/password, a string"),
    "below-null": ("/n/x", "/n, null"),
    "escaped": ("/a~1b/d", "/a~1b, an object"),
}


@pytest.mark.parametrize(("place", "nearest"), MISSING.values(), ids=MISSING.keys())
def test_where_nothing_is_the_nearest_place_is_named_and_no_value(place: str, nearest: str) -> None:
    with pytest.raises(SelectionMissing) as caught:
        selected(SECRET, place, what="config 'app'")
    error = caught.value
    assert error.message == f"nothing is at {place} of config 'app': the nearest that is there is {nearest}"
    assert error.pointer == place
    assert "hunter2" not in f"{error} {error.hint} {error.__cause__} {error.__context__}"
    assert isinstance(error, RenderRefused)
    assert (error.reason, error.exit_code, error.retry) == ("SelectionMissing", Exit.DOCUMENT, Retry.RESYNC)
