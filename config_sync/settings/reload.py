"""The ``reload`` key: one action or a list of them, each a kind key with its options beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config_sync.fields import (
    Invalid,
    JsonSchema,
    ListNode,
    MapNode,
    Node,
    Place,
    Problems,
    nearest,
    parse_table,
    refuse,
)
from config_sync.kinds import Parsed
from config_sync.model import AbsolutePath, Reload
from config_sync.reloads import RELOADS
from config_sync.reloads.story import placeholder_problem
from config_sync.settings.section import mapping_schema

WORKING_KINDS = tuple(kind for kind in RELOADS.values() if not kind.not_yet)

EXPECTED = "a mapping with one of " + ", ".join(kind.key for kind in WORKING_KINDS) + ", or a list of them"


@dataclass(frozen=True, slots=True)
class PlacedReload:
    """An action, where it stands, and its lists of words, which may hold placeholders."""

    reload: Reload
    place: Place
    commands: tuple[tuple[str, ...], ...]


def check_placeholders(actions: Sequence[PlacedReload], files: Sequence[AbsolutePath], problems: Problems) -> None:
    """Report each placeholder that has no single meaning with these files."""
    for action in actions:
        for command in action.commands:
            if said := placeholder_problem(command, files):
                problems.error(action.place, said)


def _parse(node: Node, problems: Problems) -> tuple[PlacedReload, ...]:
    items = node.items if isinstance(node, ListNode) else (node,)
    found: list[PlacedReload] = []
    for item in items:
        try:
            found.append(_parse_one(item, problems))
        except Invalid:
            continue
    if len(found) < len(items):
        raise Invalid
    return tuple(found)


def _parse_one(node: Node, problems: Problems) -> PlacedReload:
    if not isinstance(node, MapNode):
        raise refuse(node, problems, f"expected {EXPECTED}", hint="such as reload: {systemd: my-service.service}")
    kind = RELOADS[_kind_key(node, problems)]
    values = parse_table(kind.fields, node, problems)
    try:
        reload = kind.build(values)
    except ValueError as error:
        raise refuse(node, problems, str(error)) from None
    if said := kind.warning(values):
        problems.warn(node.place, said)
    given = (values.by_key[key] for key in values.places)
    commands = (tuple(word for word in one if isinstance(word, str)) for one in given if isinstance(one, tuple))
    return PlacedReload(reload, node.place, tuple(commands))


def _kind_key(node: MapNode, problems: Problems) -> str:
    """The one key that names a kind. Raises Invalid."""
    known = [key for key in node.entries if key in RELOADS]
    if len(known) == 1:
        return known[0]
    if known:
        hint = "write a list: each action is an item of its own"
        raise refuse(node, problems, f"one action has one kind, not {' and '.join(known)}", hint=hint)
    near = next((found for key in node.entries if (found := nearest(key, tuple(RELOADS)))), None)
    raise refuse(node, problems, f"expected {EXPECTED}", hint=f"did you mean {near!r}?" if near else None)


def _schema() -> JsonSchema:
    forms: list[JsonSchema] = [{**mapping_schema(kind.fields), "description": kind.doc} for kind in RELOADS.values()]
    one: JsonSchema = {"oneOf": [*forms]}
    return {"anyOf": [one, {"type": "array", "items": one}]}


RELOAD_ACTIONS = Parsed(EXPECTED, _parse, _schema)
