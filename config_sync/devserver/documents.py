"""One file of the folder as a JSON document: what the agent would refuse is refused here already."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import NoReturn

import yaml

from config_sync.document import parse_document
from config_sync.errors import DocumentRefused


def from_json(raw: bytes) -> bytes:
    """The very same bytes, so that numbers keep their spelling.

    Raises:
        DocumentRefused: they are not the JSON that the agent accepts.
    """
    return parse_document(raw).raw


def from_yaml(raw: bytes) -> bytes:
    """Compact JSON of one YAML document, in source order. Floats are written as Python spells them.

    Raises:
        DocumentRefused: not YAML, or something JSON cannot hold: a date, binary, a set, a key that is no string, .nan.
    """
    try:
        loaded: object = yaml.load(raw, Loader=_JsonLoader)  # noqa: S506 a SafeLoader with fewer types
        text = json.dumps(loaded, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return parse_document(text.encode("utf-8")).raw
    except yaml.MarkedYAMLError as error:
        message = f"the document cannot be used as YAML: {_told(error)}"
    except yaml.YAMLError:
        message = "the document is not YAML: it has a character that YAML does not allow"
    except RecursionError:
        message = "the document nests too deeply"
    except UnicodeEncodeError:
        message = "the document has half of a surrogate pair, which UTF-8 cannot write"
    except ValueError as error:
        what = "an anchor inside itself" if "Circular" in str(error) else "a number"
        message = f"the document has {what} that JSON cannot hold"
    raise DocumentRefused(message)


READERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {".json": from_json, ".yaml": from_yaml, ".yml": from_yaml}
)
"""Suffix to reader, in the order that wins when a config has several files."""


class _JsonLoader(yaml.SafeLoader):
    """YAML's safe types, less those that JSON has not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        """A mapping with string keys, each once."""
        own = {id(key_node) for key_node, _ in node.value}
        self.flatten_mapping(node)  # `<<`: puts what it brings in before the mapping's own members, which win
        found: dict[Hashable, object] = {}
        own_keys: set[str] = set()
        for key_node, value_node in node.value:
            key: object = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refusal("JSON needs a text as key: quote it", key_node)
            if key in own_keys:
                raise _refusal("a key stands twice", key_node)
            if id(key_node) in own:
                own_keys.add(key)
            found[key] = self.construct_object(value_node, deep=deep)
        return found

    def refuse(self, node: yaml.Node) -> NoReturn:
        """For every type that JSON cannot hold."""
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        raise _refusal(f"JSON cannot hold a {kind}" + (": quote it" if kind == "timestamp" else ""), node)


def _told(error: yaml.MarkedYAMLError) -> str:
    """The problem and its place. The error's own text shows the source, and names tags and aliases, which are cut."""
    problem = error.problem or "unreadable"
    if problem.startswith("but ") and error.context:
        problem = f"{error.context}, {problem}"
    problem = re.sub(r"'([^']*)'", lambda quote: quote[0] if len(quote[1]) < 2 or quote[1][0] == "<" else "…", problem)
    mark = error.problem_mark
    return problem + (f", line {mark.line + 1} column {mark.column + 1}" if mark is not None else "")


def _refusal(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _tag in ("timestamp", "binary", "set", "omap", "pairs"):
    _JsonLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _JsonLoader.refuse)
