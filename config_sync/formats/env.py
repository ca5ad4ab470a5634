"""The env format: an object as an environment file in the dialect of its reader.

One ``NAME=value`` entry a line, in document order, without comments: a file that is all data has nothing a reader could
take for something else. A value that the chosen dialect cannot carry is refused with its pointer and the dialects that
can.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from config_sync.document import has_surrogate, show
from config_sync.errors import RenderRefused
from config_sync.fields import Field, Invalid, JsonSchema, MapNode, Node, Problems, ScalarNode, Values, fields
from config_sync.formats.dialects import DIALECTS, Dialect, alternatives, why_not
from config_sync.formats.env_reading import variables
from config_sync.formats.flatten import Entry, Flat, Naming, flatten, short
from config_sync.formats.kind import FormatKind, SourceReader, refused, unusable
from config_sync.formats.names import NAME, WARNED, runs_code
from config_sync.formats.pointer_globs import GLOB, POINTER, Selection
from config_sync.kinds import Flag, Integer, ListOf, Parsed, refuse, scalar, words
from config_sync.model import Document


def _matching(pattern: str, expected: str) -> Parsed[str]:
    """A text that fully matches a pattern."""

    def parse(node: Node, problems: Problems) -> str:
        text = scalar(node, problems, expected).text
        if re.fullmatch(pattern, text) is None:
            raise refuse(node, problems, f"expected {expected}, not {text!r}")
        return text

    def schema() -> JsonSchema:
        return {"type": "string", "pattern": f"^{pattern}$"}

    return Parsed(expected, parse, schema)


_NAME_KIND = _matching(NAME.pattern, "a variable's name: letters, digits and _, no digit first")
_POINTER_KIND = _matching(POINTER, "a JSON pointer such as /db/url, in which ~1 is a slash and ~0 a tilde")
_GLOBS = ListOf(_matching(GLOB, "a glob over JSON pointers, such as /db/* or /**/password"))


def _named_pointers(node: Node, problems: Problems) -> Mapping[str, str]:
    if not isinstance(node, MapNode):
        raise refuse(node, problems, f"expected {_NAMED_POINTERS.expected}")
    found: dict[str, str] = {}
    for name, one in node.entries.items():
        with contextlib.suppress(Invalid):
            _NAME_KIND.parse(ScalarNode(node.key_places[name], name), problems)
            found[name] = _POINTER_KIND.parse(one, problems)
    if len(found) < len(node.entries):
        raise Invalid
    return found


def _named_pointers_schema() -> JsonSchema:
    return {
        "type": "object",
        "propertyNames": _NAME_KIND.json_schema(),
        "additionalProperties": _POINTER_KIND.json_schema(),
    }


_NAMED_POINTERS = Parsed(
    "a mapping of variables to JSON pointers, such as {DATABASE_URL: /db/url}", _named_pointers, _named_pointers_schema
)

DIALECT = Field(
    "dialect",
    words(*DIALECTS),
    "who reads the file: " + "; ".join(f"`{one.name}`: {one.doc}" for one in DIALECTS.values()),
    default="env",
    default_text="env",
)
EXPORT = Field(
    "export", Flag(), "with `dialect: shell`: write `export` before every name", default=False, default_text="false"
)
SEPARATOR = Field(
    "separator",
    _matching("[A-Za-z0-9_]+", "letters, digits and _"),
    "stands between the keys on the way to a value",
    default="__",
    default_text='"__"',
)
PREFIX = Field(
    "prefix",
    _matching(f"({NAME.pattern})?", "the start of a name: letters, digits and _, no digit first"),
    "stands before every name, as written",
    default="",
    default_text='""',
)
CASE = Field(
    "case", words("upper", "keep"), "of the keys; separator and prefix stay", default="upper", default_text="upper"
)
ARRAYS = Field(
    "arrays",
    words("json", "index", "comma"),
    "`json`: one value, compact JSON; `index`: one name an item (`TAGS__0`); `comma`: items joined by commas",
    default="json",
    default_text="json",
)
NULLS = Field(
    "nulls",
    words("omit", "empty", "word"),
    "`omit`: no variable; `empty`: an empty value; `word`: `null`",
    default="omit",
    default_text="omit",
)
MAX_DEPTH = Field("max_depth", Integer(1, 100), "values below that many keys stay together as compact JSON")
DASH = Field(
    "dash",
    words("underscore", "remove"),
    "what becomes of a dash in a key; `remove` is how Spring reads names",
    default="underscore",
    default_text="underscore",
)
ALLOW = Field(
    "allow",
    ListOf(_NAME_KIND),
    "names that are refused otherwise because they run code in the program that reads them (`LD_PRELOAD`, `BASH_ENV`)",
    default=(),
    default_text="[]",
)
MAP = Field(
    "map",
    _NAMED_POINTERS,
    "names with the JSON pointer of their value (`DATABASE_URL: /db/url`), written first; the rules pass over that "
    "value and over the name; a pointer to nothing is refused",
    default={},
    default_text="{}",
)
ONLY_MAPPED = Field("only_mapped", Flag(), "write only what `map` names", default=False, default_text="false")
INCLUDE = Field(
    "include",
    _GLOBS,
    "globs over JSON pointers (`/db`, `/*/port`, `/**/url`: `*` within a segment, `**` any number of segments): the "
    "rules write only what one of them matches, and what is below it",
    default=(),
    default_text="[]",
)
EXCLUDE = Field(
    "exclude",
    _GLOBS,
    "the same for what the rules leave out, also inside values that stay together as JSON; wins over `include`",
    default=(),
    default_text="[]",
)


@dataclass(frozen=True, slots=True)
class EnvFormat:
    """An object as an environment file."""

    dialect: str = "env"
    naming: Naming = field(default_factory=Naming)
    allow: frozenset[str] = frozenset()
    has_export: bool = False

    @property
    def name(self) -> str:
        """``env``."""
        return "env"

    def render(self, document: Document) -> bytes:
        """The whole file; empty for an object without values."""
        dialect = DIALECTS[self.dialect]
        export = "export " if self.has_export else ""
        lines = [
            f"{export}{entry.name}={dialect.spell(entry.text)}\n" for entry in self._checked(document, dialect).entries
        ]
        return "".join(lines).encode("utf-8")

    def variables(self, content: bytes) -> dict[str, str]:
        """What such a file says, as a reader of its dialect gets it. Raises NoVariables."""
        return variables(content, is_raw=self.dialect == "docker")

    def warnings(self, document: Document) -> tuple[str, ...]:
        """What may surprise the readers: keys they will nest, lists left out, names that change what a program runs."""
        flat = self._checked(document, DIALECTS[self.dialect])
        return flat.warnings + tuple(
            f"{show(entry.parts)} sets {entry.name}, which changes what the program that reads it runs"
            for entry in flat.entries
            if entry.name in WARNED or (entry.name == "path" and self.dialect == "shell")  # zsh ties path to PATH
        )

    def _checked(self, document: Document, dialect: Dialect) -> Flat:
        flat = flatten(document.value, self.naming)
        for entry in flat.entries:
            if runs_code(entry.name) and entry.name not in self.allow:
                raise refused(
                    entry.parts,
                    f"{show(entry.parts)} sets {short(entry.name)}, which lets a config run code in its consumer",
                    hint=f"if that is meant, allow it by name: env: {{allow: [{short(entry.name)}]}}",
                )
            why = why_not(dialect, entry.name, entry.text)
            if why is not None:
                raise _unspeakable(entry, dialect, why)
        return flat


def _unspeakable(entry: Entry, dialect: Dialect, why: str) -> RenderRefused:
    can = alternatives(entry.name, entry.text)
    hint: str | None
    if can:
        hint = f"dialect {' or '.join(can)} can carry it, if the reader of the file knows it"
    else:
        hint = None if has_surrogate(entry.text) else "format: json and format: yaml can carry it"
    return refused(entry.parts, f"{show(entry.parts)} has no line in the dialect {dialect.name}: {why}", hint=hint)


def _build(values: Values, _read: SourceReader) -> EnvFormat:
    if values[EXPORT] and values[DIALECT] != "shell":
        raise unusable(values.place_of(EXPORT), "`export` needs `dialect: shell`", hint="other readers refuse the word")
    if values[ONLY_MAPPED] and not values[MAP]:
        raise unusable(values.place_of(ONLY_MAPPED), "`only_mapped` needs a `map`", hint="else nothing is written")
    naming = Naming(
        separator=values[SEPARATOR],
        prefix=values[PREFIX],
        is_upper=values[CASE] == "upper",
        arrays=values[ARRAYS],
        nulls=values[NULLS],
        max_depth=values.optional(MAX_DEPTH),
        dash=values[DASH],
        mapped=tuple(values[MAP].items()),
        only_mapped=values[ONLY_MAPPED],
        selection=Selection(values[INCLUDE], values[EXCLUDE]),
    )
    allow = values[ALLOW]
    return EnvFormat(dialect=values[DIALECT], naming=naming, allow=frozenset(allow), has_export=values[EXPORT])


ENV = FormatKind(
    name="env",
    suffixes=(".env",),
    fields=fields(
        DIALECT,
        EXPORT,
        SEPARATOR,
        PREFIX,
        CASE,
        ARRAYS,
        NULLS,
        MAX_DEPTH,
        DASH,
        ALLOW,
        MAP,
        ONLY_MAPPED,
        INCLUDE,
        EXCLUDE,
    ),
    build=_build,
    doc="an environment file in the dialect of its reader",
)
