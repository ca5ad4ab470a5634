r"""The yaml format: an emitter of our own whose output eighteen readers, of YAML 1.1 and 1.2, understand alike.

Rules: block style, two spaces, ``{}`` and ``[]`` for empties, document order; no directives, anchors or folding. A
string is plain only where no reader can take it for anything else; a value of several lines is a literal block where
that is safe; all other strings stand in double quotes, with escapes for the characters that some reader would lose
(U+0085 and U+2028 are line breaks in YAML 1.1). Keys follow the same rule without blocks; one that is written with more
than 1,000 characters becomes ``? key``, since readers look only 1,024 characters ahead for the colon. Floats get the
dot and the exponent's sign without which YAML 1.1 reads a string; no digit changes. A number that some reader would
take for a text is refused (`yaml_number`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config_sync.document import show, show_some, walk
from config_sync.errors import RenderRefused
from config_sync.fields import Values
from config_sync.formats import yaml_number
from config_sync.formats.kind import FormatKind, NoSpelling, SourceReader, refused
from config_sync.model import Document, JsonValue, Number

_PLAIN = re.compile(r"(?![eE][0-9])[A-Za-z_/][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*").fullmatch
_WORDS = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity", "none", "nil", "undefined"}
)
_LONGEST_WORD = max(map(len, _WORDS))
_LOST = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"
# Not in a literal block: lost characters, a tab that starts a line, blanks that end one, a first character that could
# be taken for indentation, a comment, an item or a marker, and more than one line feed at the end.
_NOT_IN_BLOCK = re.compile(rf"[{_LOST}]|^\t|[ \t]$|\A[ \n#\-.%]|\n\n\Z", re.MULTILINE)
_ESCAPED = re.compile(rf'[{_LOST}"\\\n\t]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_MERGE = "<<"
_TAGGED_MERGE = '? !<tag:yaml.org,2002:str> "<<"'
"""The only spelling by which Psych does not merge what is below it. `!!str`, or no `?`, is misread by two others."""
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
        """The whole file. Raises RenderRefused for a number that some reader of YAML would not have."""
        try:
            return yaml_text(document.value).encode("utf-8")
        except NoSpelling:
            pass
        raise next(_refusals(document.value))

    def warnings(self, document: Document) -> tuple[str, ...]:
        """Integers that two readers cannot have."""
        wide = tuple(parts[1:] for parts in yaml_number.wide_integers([document.value]))  # the top may be one
        sentence = "an integer of more than 64 bits is a text to goccy/go-yaml, and serde_yaml may refuse it"
        return (f"{sentence}: {show_some(wide)}",) if wide else ()


def _refusals(value: JsonValue) -> Iterator[RenderRefused]:
    for parts, one in walk(value):
        why = yaml_number.why_not(one.text) if isinstance(one, Number) else None
        if why is not None:
            hint = "format: json carries it as spelled; or keep it as a text"
            yield refused(parts, f"{show(parts)} has no spelling in YAML: {why}", hint=hint)


def yaml_text(value: JsonValue) -> str:
    """The value as a YAML document, with a final line feed. Raises NoSpelling."""
    out: list[str] = []
    if isinstance(value, dict) and value:
        _write_members(value, out, indent="", first="", heads={})
    elif isinstance(value, list) and value:
        _write_items(value, out, indent="", first="", heads={})
    else:
        out.append(f"{_scalar(value, indent='')}\n")
    return "".join(out)


def yaml_inline(value: JsonValue) -> str:
    """The value in one line, flow style: for a place inside a line of YAML.

    Raises:
        NoSpelling: a number, or a key ``<<`` of an object or an array, which Psych would merge.
    """
    if isinstance(value, dict) and value:
        if isinstance(value.get(_MERGE), (dict, list)):
            raise NoSpelling("a member << that is an object or an array cannot stand in one line of YAML")
        return "{" + ", ".join(f"{_key(name)}: {yaml_inline(child)}" for name, child in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(map(yaml_inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else _scalar(value, indent="")


def quoted(text: str) -> str:
    """A string in one line: plain where no reader can misread it, else in double quotes."""
    return text if _is_plain(text) else _double(text)


def _double(text: str) -> str:
    return f'"{text if _ESCAPED.search(text) is None else _ESCAPED.sub(_escape, text)}"'


def _write_members(
    value: dict[str, JsonValue], out: list[str], *, indent: str, first: str, heads: dict[str, str]
) -> None:
    """Every member at `indent`; `first` stands before the first one instead (it is a list's dash, or nothing).

    `heads` remembers how keys are written: a document says the same ones over and over.
    """
    lead, deeper = first, indent + "  "
    for name, child in value.items():
        head = heads.get(name)
        if head is None and name == _MERGE and isinstance(child, (dict, list)):
            head = _TAGGED_MERGE
        elif head is None:
            head = _head(name)
            if name != _MERGE:
                heads[name] = head
        if head[0] == "?":
            head += f"\n{indent}:"
        if isinstance(child, dict) and child:
            out.append(f"{lead}{head}\n")
            _write_members(child, out, indent=deeper, first=deeper, heads=heads)
        elif isinstance(child, list) and child:
            out.append(f"{lead}{head}\n")
            _write_items(child, out, indent=deeper, first=deeper, heads=heads)
        else:
            out.append(f"{lead}{head} {_scalar(child, indent=indent)}\n")
        lead = indent


def _write_items(value: list[JsonValue], out: list[str], *, indent: str, first: str, heads: dict[str, str]) -> None:
    lead, deeper = first, indent + "  "
    for child in value:
        if isinstance(child, dict) and child:
            _write_members(child, out, indent=deeper, first=f"{lead}- ", heads=heads)
        elif isinstance(child, list) and child:
            _write_items(child, out, indent=deeper, first=f"{lead}- ", heads=heads)
        else:
            out.append(f"{lead}- {_scalar(child, indent=indent)}\n")
        lead = indent


def _head(name: str) -> str:
    """A key up to its colon; or, with a question mark before it, one whose colon stands in a line of its own."""
    key = _key(name)
    return f"? {key}" if len(key) > _MAX_SIMPLE_KEY else f"{key}:"


def _key(name: str) -> str:
    return name if len(name) <= _MAX_PLAIN_KEY and _is_plain(name) else _double(name)


def _is_plain(text: str) -> bool:
    return _PLAIN(text) is not None and (len(text) > _LONGEST_WORD or text.lower() not in _WORDS)


def _scalar(value: JsonValue, *, indent: str) -> str:
    """What follows a key or a dash that stands at `indent`, without the line feed that ends it."""
    if isinstance(value, str):
        if _is_plain(value):
            return value
        return _block(value, indent=indent + "  ") if _is_block(value) else _double(value)
    if isinstance(value, Number):
        return _number(value.text)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "[]" if isinstance(value, list) else "{}"


def _number(text: str) -> str:
    if text.isdigit() and len(text) < yaml_number.MAX_SAFE_DIGITS:
        return text
    why = yaml_number.why_not(text)
    if why is not None:
        raise NoSpelling(why)
    return yaml_number.spelled(text)


def _is_block(text: str) -> bool:
    return "\n" in text and not _NOT_IN_BLOCK.search(text)


def _block(text: str, *, indent: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    body = "\n".join(indent + line if line else "" for line in lines)
    return ("|\n" if text.endswith("\n") else "|-\n") + body


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _build(_values: Values, _read: SourceReader) -> YamlFormat:
    return YamlFormat()


YAML = FormatKind(
    name="yaml",
    suffixes=(".yaml", ".yml"),
    fields=(),
    build=_build,
    doc="YAML that readers of 1.1 and 1.2 understand alike",
)
