"""``${NAME}`` and ``${NAME:-default}`` in settings; ``$${`` is a literal ``${``.

Every scalar that holds a variable gets an `Expansion`; below ``service`` and ``agent`` it takes effect at once,
elsewhere only the kinds that stand for a path, a name or a URL look at it. Commands never do: a shell's ``${X}`` is
the shell's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from config_sync.fields import Expansion, ListNode, MapNode, Node, Problems, ScalarNode, report_unset

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def with_expansions(node: Node, environ: Mapping[str, str], *, is_needed: bool) -> Node:
    """The same tree; scalars with variables know what they expand to. `is_needed`: an unset one is an error."""
    match node:
        case ScalarNode():
            if "${" not in node.text:
                return node
            return ScalarNode(node.place, node.text, node.tag, expand(node.text, environ, is_needed=is_needed))
        case ListNode():
            items = tuple(with_expansions(item, environ, is_needed=is_needed) for item in node.items)
            return ListNode(node.place, items)
        case MapNode():
            entries = {key: with_expansions(value, environ, is_needed=is_needed) for key, value in node.entries.items()}
            return MapNode(node.place, entries, node.key_places)


def expand(text: str, environ: Mapping[str, str], *, is_needed: bool) -> Expansion:
    """What the text says with its variables replaced. As in a shell, ``:-`` also replaces an empty value."""
    unset: list[str] = []

    def replace(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name is None:
            return "${"
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            unset.append(name)
            return found.group()
        return value

    result = _VARIABLE.sub(replace, text)
    return Expansion(result, _tag_of(result), tuple(unset), is_needed)


def expanded_tree(node: Node, problems: Problems) -> Node:
    """The tree with every variable replaced, for ``service`` and ``agent``.

    An entry with an unset variable anywhere in it is reported and left out, so that its default holds.
    """
    match node:
        case ScalarNode():
            if node.expansion is None:
                return node
            return ScalarNode(node.place, node.expansion.text, node.expansion.tag)
        case ListNode():
            return ListNode(node.place, tuple(expanded_tree(item, problems) for item in node.items))
        case MapNode():
            entries: dict[str, Node] = {}
            for key, value in node.entries.items():
                unset = tuple(_unset(value))
                for one, expansion in unset:
                    report_unset(one, expansion, problems)
                if not unset:
                    entries[key] = expanded_tree(value, problems)
            return MapNode(node.place, entries, node.key_places)


def _unset(node: Node) -> Iterator[tuple[ScalarNode, Expansion]]:
    """Every scalar at or below the node with a variable that is unset."""
    match node:
        case ScalarNode():
            if node.expansion is not None and node.expansion.unset:
                yield node, node.expansion
        case ListNode():
            for item in node.items:
                yield from _unset(item)
        case MapNode():
            for value in node.entries.values():
                yield from _unset(value)


def _tag_of(text: str) -> str:
    """A variable brings no quotes: its value is read as if written plainly."""
    if text in ("", "~", "null"):
        return "null"
    return "bool" if text in ("true", "false") else "str"
