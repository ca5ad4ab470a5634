"""The strict reader of decrypted configs, and the words in which places inside them are told.

Theory: what two JSON readers could understand differently is refused here, once, so that no format has to care:
an encoding that is not plain UTF-8, NaN, a member that stands twice, half of a surrogate pair, nesting so deep that
readers give up. Numbers keep their source spelling (`Number`) and never pass through ``int`` or ``float``: 1.10 stays
1.10 and a number of 5,000 digits is only text.

Refusals tell a line and column or a JSON pointer (RFC 6901), never a piece of the document. The exceptions of the
standard decoders carry the whole text, so they are never chained.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring
from typing import NoReturn, TypeAlias

from config_sync.errors import DocumentRefused
from config_sync.model import Document, JsonValue, Number

MAX_DEPTH = 100
"""Arrays and objects inside each other. Ruby's parser stops at 100 too, Python's near 1,000, Go's at 10,000."""

Parts: TypeAlias = "tuple[str | int, ...]"
"""The way from the top to a value: member names and array indexes."""

_STEP_BYTES = 1 << 20
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_CHARACTERS = 200
SHOWN_PLACES = 5
"""Of many, in one message."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
"""Of an array (RFC 6901, section 4)."""


class _Twice(dict[str, JsonValue]):
    """An object in which `member` stood more than once; lives only until its pointer is found."""

    member: str = ""


def parse_document(raw: bytes) -> Document:
    """The document in decrypted bytes, or a refusal that says what is wrong and where, quoting nothing.

    Raises:
        DocumentRefused: `reason` is one of DocumentBlank, DocumentNotUtf8, DocumentHasBom, DocumentTooDeep,
            DocumentNotJson, DocumentHasNaN, DocumentHasDuplicates, DocumentHasSurrogates.
    """
    text = _decode(raw)
    if _is_too_deep(raw):
        raise _too_deep()
    value, twice = _parse(text)
    if twice:
        parts, found = next((parts, one) for parts, one in walk(value) if isinstance(one, _Twice))
        raise _refused(
            "DocumentHasDuplicates",
            f"the document has the member {show((*parts, found.member))} more than once",
            hint="readers disagree on which one counts: remove all but one",
        )
    # The bytes were valid UTF-8, so only an escape can have brought a surrogate in.
    if _SURROGATE_ESCAPE.search(text):
        _refuse_surrogates(value)
    return Document(raw, value)


def pointer(parts: Iterable[str | int]) -> str:
    """The JSON pointer of a place (RFC 6901); the top is the empty text."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def value_at(value: JsonValue, place: str) -> tuple[Parts, JsonValue]:
    """The way to a JSON pointer, and what is there.

    Raises:
        LookupError: nothing is; also for ``-``, for an index with a leading zero, and for what is no pointer.
    """
    parts: list[str | int] = []
    first, *pieces = place.split("/")
    if first:
        raise LookupError
    for piece in pieces:
        name = piece.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            parts.append(name)
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name):
            parts.append(int(name))
            value = value[int(name)]
        else:
            raise LookupError
    return tuple(parts), value


def children(value: JsonValue) -> Iterable[tuple[str | int, JsonValue]]:
    """Members with their names, items with their indexes; of anything else none."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def walk(value: JsonValue, parts: Parts = ()) -> Iterator[tuple[Parts, JsonValue]]:
    """Every value with its place, parents first, in document order."""
    yield parts, value
    for key, child in children(value):
        yield from walk(child, (*parts, key))


def show(parts: Iterable[str | int]) -> str:
    """A place for a message: its pointer in one printable line, shortened in the middle of a very long one."""
    found = pointer(parts)
    if not found:
        return "the top of the document"
    if len(found) > _SHOWN_CHARACTERS:
        found = f"{found[:120]}…{found[-60:]}"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in found)


def show_some(places: Sequence[Parts]) -> str:
    """The first few of many places, and how many more there are."""
    more = len(places) - SHOWN_PLACES
    return ", ".join(map(show, places[:SHOWN_PLACES])) + (f" and {more} more" if more > 0 else "")


def compact_json(value: JsonValue, *, sort_keys: bool = False) -> str:
    """The value as JSON without white space: numbers as spelled, nothing escaped that need not be.

    `sort_keys` orders members by code point, at every level.
    """
    out: list[str] = []
    _write(value, out, sort_keys=sort_keys)
    return "".join(out)


def kind_of(value: JsonValue) -> str:
    """What a value is, in a message that must not show it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case Number():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def has_surrogate(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which UTF-8 cannot write."""
    return _SURROGATE.search(text) is not None


def _decode(raw: bytes) -> str:
    if not raw.strip(b" \t\r\n"):
        raise _refused("DocumentBlank", "the document is empty: no JSON at all", hint="an empty config is written {}")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _refused(
            "DocumentHasBom", "the document starts with a byte order mark", hint="save it as UTF-8 without BOM"
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        raise _refused(
            "DocumentNotUtf8", "the document is UTF-16 or UTF-32, not UTF-8", hint="save it as UTF-8 without BOM"
        )
    try:
        return raw.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        message = f"the document is not UTF-8: {error.reason} at byte {error.start + 1}"
    raise _refused("DocumentNotUtf8", message, hint="save it as UTF-8 without BOM")


def _is_too_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than `MAX_DEPTH`; linear, so that the recursive parser never sees such a text.

    Strings go, all else but brackets goes, and then every round of removing pairs takes off one level. Without its
    escapes a text alternates between what stands outside of strings and in them; where that is not so, because a
    backslash stands outside, the parser stops there too. In short steps: 10 MB must not hold up other threads.
    """
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    kept: list[bytes] = []
    is_inside = 0
    for start in range(0, len(bare), _STEP_BYTES):
        pieces = bare[start : start + _STEP_BYTES].split(b'"')
        kept.append(b"".join(pieces[is_inside::2]).translate(_TO_SQUARE, _ALL_BUT_BRACKETS))
        is_inside = (is_inside + len(pieces) - 1) % 2
    brackets = b"".join(kept)
    for level in range(MAX_DEPTH + 1):
        left = brackets.replace(b"[]", b"")
        if len(left) == len(brackets):
            return level + left.count(b"[") > MAX_DEPTH
        brackets = left
    return True


def _parse(text: str) -> tuple[JsonValue, bool]:
    """The value, and whether some object has a member twice."""
    twice = False

    def members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        nonlocal twice
        twice = True
        marked = _Twice(found)
        marked.member = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return marked

    decoder = json.JSONDecoder(
        object_pairs_hook=members, parse_int=Number, parse_float=Number, parse_constant=_refuse_constant
    )
    try:
        # RFC 8259 white space only: Python's strip() would take more.
        value: JsonValue = decoder.decode(text)
    except json.JSONDecodeError as error:
        # The decoder's sentences are constant up to a colon; two of them end in a bare "at".
        what = error.msg.partition(":")[0].lower().removesuffix(" at").removesuffix(" starting")
        what = "something follows its end" if what == "extra data" else what
        message = f"the document is not JSON: {what}, line {error.lineno} column {error.colno}"
    except RecursionError:
        raise _too_deep() from None
    else:
        return value, twice
    raise _refused(
        "DocumentNotJson", message, hint="check it with any JSON tool; comments and trailing commas are not JSON"
    )


def _refuse_surrogates(value: JsonValue) -> None:
    for parts, one in walk(value):
        is_bad_name = bool(parts) and isinstance(parts[-1], str) and has_surrogate(parts[-1])
        if is_bad_name or (isinstance(one, str) and has_surrogate(one)):
            where = "name" if is_bad_name else "value"
            raise _refused(
                "DocumentHasSurrogates",
                f"the document has half of a surrogate pair in the {where} of {show(parts)}",
                hint="no UTF-8 file can hold it: write the whole character",
            )


def _refuse_constant(name: str) -> NoReturn:
    raise _refused(
        "DocumentHasNaN",
        f"the document has the constant {name}, which JSON does not know",
        hint="write a number, null or a text",
    )


def _too_deep() -> DocumentRefused:
    return _refused(
        "DocumentTooDeep",
        f"the document nests deeper than {MAX_DEPTH} levels",
        hint="a deep text in a program's own format can be kept as one string",
    )


def _refused(reason: str, message: str, *, hint: str | None = None) -> DocumentRefused:
    error = DocumentRefused(message, hint=hint)
    error.reason = reason
    return error


def _write(value: JsonValue, out: list[str], *, sort_keys: bool) -> None:
    match value:
        case str():
            out.append(encode_basestring(value))
        case Number():
            out.append(value.text)
        case None:
            out.append("null")
        case bool():
            out.append("true" if value else "false")
        case list():
            _write_all(value, out, sort_keys=sort_keys)
        case _:
            before = "{"
            for name in sorted(value) if sort_keys else value:
                out.append(f"{before}{encode_basestring(name)}:")
                _write(value[name], out, sort_keys=sort_keys)
                before = ","
            out.append("}" if value else "{}")


def _write_all(items: Sequence[JsonValue], out: list[str], *, sort_keys: bool) -> None:
    before = "["
    for item in items:
        out.append(before)
        _write(item, out, sort_keys=sort_keys)
        before = ","
    out.append("]" if items else "[]")
