r"""The yaml format: an emitter of our own whose output eighteen readers, of YAML 1.1 and 1.2, understand alike.

Rules: block style, two spaces, ``{}`` and ``[]`` for empties, document order; no directives, anchors or folding. A
string is plain only where no reader can take it for anything else; a value of several lines is a literal block where
that is safe; all other strings stand in double quotes, with escapes for the characters that some reader would lose
(U+0085 and U+2028 are line breaks in YAML 1.1). Keys follow the same rule without blocks; one that is written with more
than 1,000 characters becomes ``? key``, since readers look only 1,024 characters ahead for the colon. Floats get the
dot and the exponent's sign without which YAML 1.1 reads a string; no digit changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from config_sync.fields import Values
from config_sync.formats.kind import FormatKind, SourceReader
from config_sync.model import Document, JsonValue, Number

_PLAIN = re.compile(r"(?![eE][0-9])[A-Za-z_/][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+-]+)*")
_WORDS = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity", "none", "nil", "undefined"}
)
_LOST = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
# Not in a literal block: lost characters, a tab that starts a line, blanks that end one, a first character that could
# be taken for indentation, a comment, an item or a marker, and more than one line feed at the end.
_NOT_IN_BLOCK = re.compile(rf"[{_LOST}]|^\t|[ \t]$|\A[ \n#\-.%]|\n\n\Z", re.MULTILINE)
_ESCAPED = re.compile(rf'[{_LOST}"\\\n\t]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_NUMBER = re.compile(r"(-?[0-9]+)(\.[0-9]+)?(?:[eE]([+-]?)([0-9]+))?")
_MAX_SIMPLE_KEY = 1000
# The tested emitter quotes a plain key of 200 characters; 128 is where PyYAML's and libyaml's emitters stop too.
_MAX_PLAIN_KEY = 128


@dataclass(frozen=True, slots=True)
class YamlFormat:
    """A document as block-style YAML."""

    @property
    def name(self) -> str:
        """``yaml``."""
        return "yaml"

    def render(self, document: Document) -> bytes:
        """The whole file; every JSON document can be written."""
        return yaml_text(document.value).encode("utf-8")


def yaml_text(value: JsonValue) -> str:
    """The value as a YAML document, with a final line feed."""
    out: list[str] = []
    if isinstance(value, dict) and value:
        _write_members(value, out, indent="", first="")
    elif isinstance(value, list) and value:
        _write_items(value, out, indent="", first="")
    else:
        out.append(_scalar(value, indent="") + "\n")
    return "".join(out)


def yaml_inline(value: JsonValue) -> str:
    """The value in one line, flow style: for a place inside a line of YAML."""
    if isinstance(value, dict) and value:
        return "{" + ", ".join(f"{_key(name)}: {yaml_inline(child)}" for name, child in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(map(yaml_inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else _scalar(value, indent="")


def quoted(text: str) -> str:
    """A string in one line: plain where no reader can misread it, else in double quotes."""
    return text if _is_plain(text) else _double(text)


def _double(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _escape(found.group()), text) + '"'


def number(text: str) -> str:
    """A JSON number for readers of YAML 1.1 too: ``1e16`` as ``1.0e+16``; integers and digits stay."""
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] is None and found[4] is None):
        return text
    exponent = "" if found[4] is None else f"e{found[3] or '+'}{found[4]}"
    return found[1] + (found[2] or ".0") + exponent


def _write_members(value: dict[str, JsonValue], out: list[str], *, indent: str, first: str) -> None:
    """Every member at `indent`; `first` stands before the first one instead (it is a list's dash, or nothing)."""
    lead = first
    for name, child in value.items():
        key = _key(name)
        if len(key) > _MAX_SIMPLE_KEY:
            out.append(f"{lead}? {key}\n{indent}:")
        else:
            out.append(f"{lead}{key}:")
        lead = indent
        if isinstance(child, dict) and child:
            out.append("\n")
            _write_members(child, out, indent=indent + "  ", first=indent + "  ")
        elif isinstance(child, list) and child:
            out.append("\n")
            _write_items(child, out, indent=indent + "  ", first=indent + "  ")
        else:
            out.append(f" {_scalar(child, indent=indent)}\n")


def _write_items(value: list[JsonValue], out: list[str], *, indent: str, first: str) -> None:
    lead = first
    for child in value:
        if isinstance(child, dict) and child:
            _write_members(child, out, indent=indent + "  ", first=f"{lead}- ")
        elif isinstance(child, list) and child:
            _write_items(child, out, indent=indent + "  ", first=f"{lead}- ")
        else:
            out.append(f"{lead}- {_scalar(child, indent=indent)}\n")
        lead = indent


def _key(name: str) -> str:
    return name if len(name) <= _MAX_PLAIN_KEY and _is_plain(name) else _double(name)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _scalar(value: JsonValue, *, indent: str) -> str:
    """What follows a key or a dash that stands at `indent`, without the line feed that ends it."""
    match value:
        case str():
            return _block(value, indent=indent + "  ") if _is_block(value) else quoted(value)
        case Number():
            return number(value.text)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "[]"
        case _:
            return "{}"


def _is_block(text: str) -> bool:
    return "\n" in text and not _NOT_IN_BLOCK.search(text)


def _block(text: str, *, indent: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    body = "\n".join(indent + line if line else "" for line in lines)
    return ("|\n" if text.endswith("\n") else "|-\n") + body


def _escape(character: str) -> str:
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def _build(_values: Values, _read: SourceReader) -> YamlFormat:
    return YamlFormat()


YAML = FormatKind(
    name="yaml",
    suffixes=(".yaml", ".yml"),
    fields=(),
    build=_build,
    doc="YAML that readers of 1.1 and 1.2 understand alike",
)
