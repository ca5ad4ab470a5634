"""The output of a template without what came from documents: only text that stands in the template itself is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2.lexer import TOKEN_DATA, TOKEN_VARIABLE_BEGIN

from config_sync.formats.template_environment import environment_for_templates
from config_sync.reconciler.outlines import MASK, Line, printable

_MOST_HOLES = 8
"""Of one line: matching takes a power of it."""
_LONGEST = 4096
_MOST_TRIES = 2_000_000


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A line of the template: its literal text, and what an output line that came of it looks like."""

    shown: str
    weight: int
    match: re.Pattern[str]


def template_lines(source: str, output: str) -> tuple[Line, ...]:
    """A line for each of the output. What no line of the template can have made is masked whole."""
    patterns = _patterns(source)
    lines = output.removesuffix("\n").split("\n")
    if len(lines) * len(patterns) > _MOST_TRIES:
        patterns = ()
    shown = [_shown(line, patterns) for line in lines]
    return tuple(Line(one, line, one) for one, line in zip(shown, lines, strict=True))


def _shown(line: str, patterns: tuple[_Pattern, ...]) -> str:
    if len(line) > _LONGEST:
        return MASK
    return next((one.shown for one in patterns if one.match.fullmatch(line)), MASK)


@lru_cache(maxsize=8)
def _patterns(source: str) -> tuple[_Pattern, ...]:
    """Those with the most literal text first."""
    found = dict.fromkeys(pieces for pieces in _source_lines(source) if pieces.count(None) <= _MOST_HOLES)
    return tuple(sorted(map(_pattern, found), key=lambda one: -one.weight))


def _pattern(pieces: tuple[str | None, ...]) -> _Pattern:
    shown = "".join(MASK if piece is None else printable(piece) for piece in pieces)
    weight = sum(len(piece) for piece in pieces if piece is not None)
    text = "".join("(?s:.*?)" if piece is None else re.escape(piece) for piece in pieces)
    return _Pattern(shown, weight, re.compile(text))


def _source_lines(source: str) -> Iterator[tuple[str | None, ...]]:
    """Each line of the template as literal text and holes (None), where an expression stands."""
    pieces: list[str | None] = []
    for _, kind, text in environment_for_templates().lex(source):
        if kind == TOKEN_DATA:
            first, *rest = text.split("\n")
            pieces.append(first)
            for one in rest:
                yield tuple(pieces)
                pieces = [one]
        elif kind == TOKEN_VARIABLE_BEGIN:
            pieces.append(None)
    yield tuple(pieces)
