"""Files with their values taken out: names and structure in lines that may be shown. Pure.

A `Line` has two faces: `shown` is what anybody may see, and never holds a piece of a value, nor how long one is;
`hidden` is what it stands for, and is only compared. So two versions can be compared line by line, and a value that
changed shows as changed.

A name is only as trustworthy as the file: where somebody edited it, a value may stand where a name belongs. So whoever
asks says which names are `known` to be names; all others are masked too. What cannot be understood has no outline.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from config_sync.document import compact_json, parse_document
from config_sync.errors import DocumentRefused
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import KeyFormat
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.kind import NoSpelling
from config_sync.formats.names import NAME
from config_sync.formats.template import TemplateFormat
from config_sync.formats.yaml_ import YamlFormat, yaml_text
from config_sync.model import Format, JsonValue

MASK = "••••••"
"""In place of every value, whatever it is and however long."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an outline. `place` is the same for what stands at the same place of two versions; None: unknown."""

    shown: str
    hidden: str = field(repr=False)
    place: str | None = field(default=None, repr=False)


class NoOutline(Exception):
    """The content has no structure that could be shown; says in a clause why, without the content."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The lines, the names in them, and whether the format writes these very bytes for what was understood."""

    lines: tuple[Line, ...]
    names: frozenset[str]
    is_canonical: bool = False


def outline(form: Format, content: bytes, *, known: Collection[str] | None = None) -> Outline:
    """The content without its values. `known`: the names that may be shown; None: all.

    Raises:
        NoOutline: it is not what the format writes.
    """
    match form:
        case JsonFormat():
            return _of_value(_json(content), known, is_canonical=True)
        case YamlFormat():
            # Only here: YAML's reader costs 20 ms.
            from config_sync.reconciler.yaml_outlines import read_yaml

            value = read_yaml(_text(content))
            return _of_value(value, known, is_canonical=_is_as_we_write(value, content))
        case EnvFormat():
            return _of_variables(_text(content), form.dialect, known)
        case TemplateFormat():
            # Only here: it brings jinja2.
            from config_sync.reconciler.template_outlines import template_lines

            return Outline(template_lines(form.text, _text(content)), frozenset(), is_canonical=True)
        case KeyFormat():
            return Outline((Line(MASK, content.hex()),), frozenset(), is_canonical=True)
        case _:
            raise NoOutline(f"the format {form.name} has none")


def _is_as_we_write(value: JsonValue, content: bytes) -> bool:
    """Whether the YAML is ours to the byte; an edit may hold what we would not write at all."""
    try:
        return yaml_text(value).encode() == content
    except NoSpelling:
        return False


def line_by_line(content: bytes) -> tuple[Line, ...]:
    """Nothing of the text, a masked line for each of its lines: what is left where there is no outline."""
    return tuple(Line(MASK, line.hex()) for line in content.removesuffix(b"\n").split(b"\n"))


def as_it_is(content: bytes) -> tuple[Line, ...]:
    """The text itself, made fit for a terminal: for whoever asked for the values."""
    lines = content.decode("utf-8", "backslashreplace").split("\n")
    shown = [Line(printable(line), line) for line in lines]
    last = shown.pop()
    if last.hidden:
        shown.append(Line(f"{last.shown}\n\\ No newline at end of file", f"{last.hidden}\0"))
    return tuple(shown)


def printable(text: str) -> str:
    """The text in one line that a terminal takes as text."""
    return "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass  # the exception has all of it
    raise NoOutline("it is not UTF-8")


# ---- JSON and YAML


def _json(content: bytes) -> JsonValue:
    try:
        return parse_document(content).value
    except DocumentRefused:
        pass
    raise NoOutline("it is no JSON")


def _of_value(value: JsonValue, known: Collection[str] | None, *, is_canonical: bool) -> Outline:
    writer = _TreeWriter(known)
    writer.write(value, indent="", head="", place="")
    return Outline(tuple(writer.lines), frozenset(writer.names), is_canonical)


class _TreeWriter:
    """Lines of block style: a member or an item each."""

    def __init__(self, known: Collection[str] | None) -> None:
        self._known = known
        self.lines: list[Line] = []
        self.names: set[str] = set()

    def write(self, value: JsonValue, *, indent: str, head: str, place: str) -> None:
        """`head` is what stands before the value in its line: ``  port:``, ``  -``, or nothing at the top."""
        if isinstance(value, dict) and value:
            deeper = self._head(indent, head, place)
            for name, child in value.items():
                self.names.add(name)
                label = f"{deeper}{self._name(name)}:"
                self.write(child, indent=deeper, head=label, place=f"{place}/{name.replace('/', '~1')}")
        elif isinstance(value, list) and value:
            deeper = self._head(indent, head, place)
            for index, child in enumerate(value):
                self.write(child, indent=deeper, head=f"{deeper}-", place=f"{place}/{index}")
        else:
            shown = "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else MASK
            self.lines.append(Line(f"{head} {shown}" if head else shown, compact_json(value), place))

    def _head(self, indent: str, head: str, place: str) -> str:
        """The line of a container, if it has one; the indentation of what is in it."""
        if not head:
            return indent
        self.lines.append(Line(head, "", place))
        return f"{indent}  "

    def _name(self, name: str) -> str:
        if self._known is not None and name not in self._known:
            return MASK
        return name if _PLAIN.fullmatch(name) else compact_json(printable(name))


_PLAIN = re.compile(r"[A-Za-z0-9_./@+-]+(?: [A-Za-z0-9_./@+-]+)*")


# ---- environment files

_SINGLE = r"'[^']*'"
_DOUBLE = r'"(?:[^"\\]|\\[\s\S])*"'
_BARE = r"""[^\s'"\\`$#]*"""
_VALUES: Mapping[str, str] = {
    "env": f"{_SINGLE}|{_DOUBLE}|{_BARE}",
    "dotenv": f"{_SINGLE}|{_DOUBLE}|{_BARE}",
    "systemd": f"{_SINGLE}|{_DOUBLE}|{_BARE}",
    "shell": rf"{_SINGLE}(?:\\'{_SINGLE})*|{_DOUBLE}|{_BARE}",
    "docker": r"[^\n]*",
    "kubernetes": _SINGLE,
}
_PASSED = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
"""A blank line or a comment: we write none, others may."""


def _of_variables(text: str, dialect: str, known: Collection[str] | None) -> Outline:
    entries, is_canonical = _entries(text, dialect)
    lines = tuple(
        Line(f"{export}{name if known is None or name in known else MASK}={MASK}", value, name)
        for export, name, value in entries
    )
    names = [name for _, name, _ in entries]
    # Written in another dialect, the same bytes may be other variables: a second line of a value is a name in docker's.
    is_canonical = is_canonical and all(_names(text, other) in (None, names) for other in _VALUES if other != dialect)
    return Outline(lines, frozenset(names), is_canonical)


def _names(text: str, dialect: str) -> list[str] | None:
    """None where the text is no file of that dialect."""
    try:
        return [name for _, name, _ in _entries(text, dialect)[0]]
    except NoOutline:
        return None


def _entries(text: str, dialect: str) -> tuple[list[tuple[str, str, str]], bool]:
    """Each entry as its ``export``, name and value; and whether nothing but entries stands there. Raises NoOutline."""
    entry = re.compile(rf"(export )?({NAME.pattern})=({_VALUES[dialect]})(?:\n|\Z)")
    found: list[tuple[str, str, str]] = []
    at, is_canonical = 0, True
    while at < len(text):
        if (match := entry.match(text, at)) is None:
            match, is_canonical = _PASSED.match(text, at), False
            if match is None or match.end() == at:
                raise NoOutline(f"line {text.count(chr(10), 0, at) + 1} is no entry of an environment file")
        else:
            found.append((match[1] or "", match[2], match[3]))
        at = match.end()
    return found, is_canonical
