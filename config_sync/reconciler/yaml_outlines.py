"""A YAML file of ours, or one that somebody edited, as a tree of values; what only YAML has is not understood."""

from __future__ import annotations

import re

import yaml

from config_sync.document import MAX_DEPTH
from config_sync.formats.yaml_ import yaml_text
from config_sync.model import JsonValue, Number
from config_sync.reconciler.outlines import NoOutline

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: dict[str, JsonValue] = {"null": None, "true": True, "false": False}
_TEXT = "tag:yaml.org,2002:str"
_MAX_BYTES = 16 << 20


def read_yaml(text: str) -> JsonValue:
    """The one document in the text. Scalars that our own files would not have so count as numbers: as they are spelled.

    Raises:
        NoOutline: it is no YAML, several documents, or has anchors, tags, keys that are no scalars or come twice.
    """
    if len(text) > _MAX_BYTES:
        raise NoOutline("it is over 16 MiB")
    try:
        return _Reader(text).document()
    except (yaml.YAMLError, RecursionError, ValueError):
        pass  # the exceptions quote the text
    raise NoOutline("it is no YAML that we write")


class _Reader:
    """Over the events of the parser, so that nothing is ever expanded."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)

    def document(self) -> JsonValue:
        self._next()  # the stream's start
        if not isinstance(self._next(), yaml.DocumentStartEvent):
            raise NoOutline("it is empty")
        value = self._value(self._next(), 0)
        self._next()  # the document's end
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise NoOutline("it has several documents")
        return value

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _value(self, event: yaml.Event, depth: int) -> JsonValue:
        if depth > MAX_DEPTH or getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise NoOutline("it nests too deep, or has anchors or tags")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[JsonValue] = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(event, depth + 1))
            return items
        if not isinstance(event, yaml.MappingStartEvent):
            raise NoOutline("it has aliases")
        members: dict[str, JsonValue] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.value in members or event.anchor:
                raise NoOutline("a key is no scalar, or comes twice")
            if event.tag not in (None, _TEXT):  # our own key <<, which a reader would merge without it
                raise NoOutline("a key has a tag")
            members[event.value] = self._value(self._next(), depth + 1)
        return members


def _scalar(event: yaml.ScalarEvent) -> JsonValue:
    text: str = event.value
    if event.style:  # of a plain scalar it is None, or empty where libyaml parses
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) is None and yaml_text(text) == f"{text}\n":
        return text
    return Number(text)
