"""YAML into a tree of nodes with places.

PyYAML's event stream is composed here instead of by its own composer, which would silently let the last of two equal
keys win, recurse as deep as the file says, and lose the places of keys. Rules: one document; keys are scalars, taken
as written; an alias is its anchor's node under the alias's own key path; ``<<`` adds the entries that are not there;
no tags but YAML's own for scalars. What an alias expands to counts: a bomb ends at `MAX_NODES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from config_sync.fields import ListNode, MapNode, Node, Place, Problems, ScalarNode, quoted
from config_sync.settings.text import Fault

if TYPE_CHECKING:
    import yaml

MAX_DEPTH = 50
"""Of nesting; the settings themselves need eight."""
MAX_NODES = 100_000
"""Of all nodes, with aliases expanded; a target takes some 20."""

_TAG_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS = ("str", "int", "float", "bool", "null")


@dataclass(slots=True)
class _Scalar:
    line: int
    column: int
    text: str
    tag: str


@dataclass(slots=True)
class _Sequence:
    line: int
    column: int
    items: list[_Raw]


@dataclass(slots=True)
class _Mapping:
    line: int
    column: int
    pairs: list[tuple[_Scalar, _Raw]]


_Raw: TypeAlias = "_Scalar | _Sequence | _Mapping"


def parse_yaml(text: str, file: str, problems: Problems) -> Node | None:
    """The document's tree; None for an empty one. Duplicate keys go to `problems`, the first of them stays.

    Raises:
        Fault: no YAML, more than one document, a recursive or unknown alias, a foreign tag, too deep, too large.
    """
    import yaml  # lazy: not every command reads settings

    try:
        root = _Composer(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise Fault(f"no valid YAML: {said}", _syntax_hint(text, line, said), line, column) from error
    except yaml.YAMLError as error:
        raise Fault(f"no valid YAML: {error}") from error
    if root is None:
        return None
    return _Placer(file, problems).node(root, "", 0)


def _syntax_hint(text: str, line: int, said: str) -> str | None:
    lines = text.split("\n")
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "'\\t'" in said or "\t" in here[: len(here) - len(here.lstrip())]:
        return "indent with spaces, not with tabs"
    if "${" in here:
        return 'inside { } or [ ], quote a value with a variable: "${NAME}"'
    if "mapping values are not allowed" in said:
        return "quote a value that holds ': ', or check the indentation"
    return None


class _Composer:
    """One document's raw tree, with aliases shared."""

    def __init__(self, text: str) -> None:
        import yaml

        # The C parser where PyYAML was built with it: the same events, ten times as fast.
        self._loader: yaml.SafeLoader | yaml.CSafeLoader
        self._loader = yaml.CSafeLoader(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)
        self._anchors: dict[str, _Raw | None] = {}

    def document(self) -> _Raw | None:
        """The root. Raises Fault, yaml.YAMLError."""
        import yaml

        try:
            events = self._events()
            next(events)  # the stream's start
            if isinstance(next(events), yaml.StreamEndEvent):
                return None
            root = self._compose(next(events), events, 0)
            next(events)  # the document's end
            more = next(events)
            if not isinstance(more, yaml.StreamEndEvent):
                raise _fault("only one YAML document is expected", more, hint="remove what follows ---")
            return root
        finally:
            self._loader.dispose()

    def _events(self) -> Iterator[yaml.Event]:
        while self._loader.check_event():
            event = self._loader.get_event()
            if event is not None:
                yield event

    def _compose(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> _Raw:
        import yaml

        if depth > MAX_DEPTH:
            raise _fault(f"nested deeper than {MAX_DEPTH} levels", event)
        line, column = _where(event)
        made: _Raw
        match event:
            case yaml.AliasEvent():
                return self._alias(event)
            case yaml.ScalarEvent():
                made = _Scalar(line, column, str(event.value), self._tag(event))
                self._remember(event, made)
            case yaml.SequenceStartEvent():
                self._check_collection_tag(event)
                self._remember(event, None)
                made = _Sequence(line, column, [])
                while not isinstance(child := next(events), yaml.SequenceEndEvent):
                    made.items.append(self._compose(child, events, depth + 1))
                self._remember(event, made)
            case yaml.MappingStartEvent():
                self._check_collection_tag(event)
                self._remember(event, None)
                made = _Mapping(line, column, [])
                while not isinstance(child := next(events), yaml.MappingEndEvent):
                    key = self._compose(child, events, depth + 1)
                    if not isinstance(key, _Scalar):
                        raise _fault("a key is a plain word, not a list or a mapping", child)
                    key = _Scalar(*_where(child), key.text, key.tag)
                    made.pairs.append((key, self._compose(next(events), events, depth + 1)))
                self._remember(event, made)
            case _:
                raise _fault("no valid YAML: a value is missing", event)
        return made

    def _remember(self, event: yaml.NodeEvent, made: _Raw | None) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = made

    def _alias(self, event: yaml.AliasEvent) -> _Raw:
        name = str(event.anchor)
        if name not in self._anchors:
            raise _fault(f"alias *{name} has no anchor before it", event, hint=f"write &{name} at the value it means")
        found = self._anchors[name]
        if found is None:
            raise _fault(f"alias *{name} stands inside the value it means", event)
        return found

    def _tag(self, event: yaml.ScalarEvent) -> str:
        import yaml

        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
            # A date stays the text it is; `=` too.
            word = str(tag).removeprefix(_TAG_PREFIX)
            return word if word in (*_SCALAR_TAGS, "merge") else "str"
        word = str(tag).removeprefix(_TAG_PREFIX)
        if word not in _SCALAR_TAGS:
            raise _fault(f"the tag {tag} means nothing here", event, hint="remove it")
        return word

    @staticmethod
    def _check_collection_tag(event: yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!", _TAG_PREFIX + "map", _TAG_PREFIX + "seq"):
            raise _fault(f"the tag {event.tag} means nothing here", event, hint="remove it")


def _fault(message: str, event: yaml.Event, *, hint: str | None = None) -> Fault:
    return Fault(message, hint, *_where(event))


def _where(event: yaml.Event) -> tuple[int, int]:
    """Line and column, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


class _Placer:
    """Raw nodes into nodes with key paths; aliases are copied, merges applied, duplicates reported."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._count = 0

    def node(self, raw: _Raw, path: str, depth: int) -> Node:
        """The node under its key path. Raises Fault."""
        self._count += 1
        if self._count > MAX_NODES:
            raise Fault(f"more than {MAX_NODES} values, aliases included", None, raw.line, raw.column)
        if depth > MAX_DEPTH:
            raise Fault(f"nested deeper than {MAX_DEPTH} levels, aliases included", None, raw.line, raw.column)
        place = self._place(raw, path)
        match raw:
            case _Scalar():
                return ScalarNode(place, raw.text, "str" if raw.tag == "merge" else raw.tag)
            case _Sequence():
                items = (self.node(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(raw.items))
                return ListNode(place, tuple(items))
            case _Mapping():
                return self._mapping(raw, path, depth)

    def _mapping(self, raw: _Mapping, path: str, depth: int) -> MapNode:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[_Raw] = []
        for key, value in raw.pairs:
            place = self._place(key, child_path(path, key.text))
            if key.tag == "merge":
                merged.extend(value.items if isinstance(value, _Sequence) else [value])
            elif key.text in entries:
                first = keys[key.text]
                self._problems.error(
                    place,
                    f"duplicate key {quoted(key.text)}",
                    hint=f"it stands at line {first.line} already: remove one",
                )
            else:
                entries[key.text] = self.node(value, place.path, depth + 1)
                keys[key.text] = place
        for source in merged:
            self._merge(self.node(source, path, depth + 1), entries, keys)
        return MapNode(self._place(raw, path), entries, keys)

    def _merge(self, source: Node, entries: dict[str, Node], keys: dict[str, Place]) -> None:
        if not isinstance(source, MapNode):
            self._problems.error(source.place, "<< takes a mapping or a list of mappings")
            return
        for key, value in source.entries.items():
            if key not in entries:
                entries[key] = value
                keys[key] = source.key_places[key]

    def _place(self, raw: _Raw, path: str) -> Place:
        return Place(self._file, raw.line, raw.column, path)


def child_path(path: str, key: str) -> str:
    """The key path of an entry: ``targets.my-service``; a key with a dot or blank is quoted."""
    shown = key if key and not set(key) & set(". []\n\"'") else repr(key)
    return f"{path}.{shown}" if path else shown


def merged_mapping(base: Mapping[str, Node], base_keys: Mapping[str, Place], over: MapNode) -> MapNode:
    """`over` with the entries of `base` that it does not have, in front."""
    return MapNode(over.place, {**base, **over.entries}, {**base_keys, **over.key_places})
