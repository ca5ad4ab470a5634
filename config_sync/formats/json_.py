"""The json format: the service's bytes as they are, or the same tokens laid out anew.

``pretty`` and ``compact`` move white space between the *tokens* of the source, so no number and no string changes even
in its spelling. ``canonical`` sorts members by code point and spells strings in one way; numbers keep theirs, so it is
stable for one writer of the config, and deliberately not RFC 8785, which would send numbers through a double.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter

from config_sync.document import compact_json
from config_sync.fields import Field, Values, fields
from config_sync.formats.kind import FormatKind, SourceReader
from config_sync.kinds import Flag, words
from config_sync.model import Document

# Of a document that has been parsed: everything else between tokens is white space.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],:]|[^\s{}\[\],:"]+')
_BATCH = 4096

STYLE = Field(
    "style",
    words("verbatim", "pretty", "compact", "canonical"),
    "`verbatim`: exactly the decrypted bytes; `pretty` and `compact`: the same tokens with other white space; "
    "`canonical`: compact with sorted keys",
    default="verbatim",
    default_text="verbatim",
)
FINAL_NEWLINE = Field(
    "final_newline",
    Flag(),
    "with `verbatim`: end the file with a newline where the bytes have none; the other styles always do",
    default=False,
    default_text="false",
)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """A document as JSON in one of four styles."""

    style: str = "verbatim"
    final_newline: bool = False

    @property
    def name(self) -> str:
        """``json``."""
        return "json"

    def render(self, document: Document) -> bytes:
        """The whole file; every JSON document can be written."""
        if self.style == "verbatim":
            is_short = self.final_newline and not document.raw.endswith(b"\n")
            return document.raw + b"\n" if is_short else document.raw
        return (_STYLES[self.style](document) + "\n").encode("utf-8")


def _pretty(document: Document) -> str:
    return "".join(_lay_out(chain.from_iterable(_tokens(document))))


def _compact(document: Document) -> str:
    return "".join(map("".join, _tokens(document)))


def _tokens(document: Document) -> Iterator[list[str]]:
    """All tokens, a few thousand at a time: one search through 10 MB would hold up every other thread meanwhile."""
    found = map(itemgetter(0), _TOKEN.finditer(document.raw.decode("utf-8")))
    while batch := list(islice(found, _BATCH)):
        yield batch


def _canonical(document: Document) -> str:
    return compact_json(document.value, sort_keys=True)


_STYLES: dict[str, Callable[[Document], str]] = {"pretty": _pretty, "compact": _compact, "canonical": _canonical}


def _lay_out(tokens: Iterable[str]) -> Iterator[str]:
    """The tokens with line breaks and two spaces a level between them; empty containers stay in one piece."""
    depth = 0
    previous = ""
    for piece in tokens:
        if piece in ("}", "]"):
            depth -= 1
            if previous not in ("{", "["):
                yield "\n" + "  " * depth
        elif previous in ("{", "[", ","):
            yield "\n" + "  " * depth
        yield piece
        if piece == ":":
            yield " "
        if piece in ("{", "["):
            depth += 1
        previous = piece


def _build(values: Values, _read: SourceReader) -> JsonFormat:
    return JsonFormat(style=values[STYLE], final_newline=values[FINAL_NEWLINE])


JSON = FormatKind(
    name="json",
    suffixes=(".json",),
    fields=fields(STYLE, FINAL_NEWLINE),
    build=_build,
    doc="JSON, by default byte for byte as the service keeps it",
)
