"""The ``probe`` key: one kind key, and ``within`` beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config_sync.fields import (
    Field,
    JsonSchema,
    MapNode,
    Node,
    Place,
    Problems,
    fields,
    nearest,
    parse_table,
    refuse,
)
from config_sync.kinds import Duration, Parsed
from config_sync.model import AbsolutePath, Probing
from config_sync.probes import PROBES, ProbeKind
from config_sync.probes.command import COMMAND_KIND
from config_sync.reloads.story import placeholder_problem
from config_sync.settings.section import mapping_schema

EXPECTED = "a mapping with one of " + ", ".join(PROBES)

WITHIN = Field(
    "within",
    Duration(minimum_s=0.1, maximum_s=3600),
    "It is tried again until it holds, for so long.",
    default=10.0,
    default_text="10s",
)


@dataclass(frozen=True, slots=True)
class PlacedProbing:
    """What must hold, where it stands, and its list of words, which may hold placeholders."""

    probing: Probing
    place: Place
    command: tuple[str, ...]


def check_probe_words(found: PlacedProbing, files: Sequence[AbsolutePath], problems: Problems) -> None:
    """Report a placeholder that has no single meaning with these files."""
    if said := placeholder_problem(found.command, files):
        problems.error(found.place, said)


def _parse(node: Node, problems: Problems) -> PlacedProbing:
    if not isinstance(node, MapNode):
        raise refuse(node, problems, f"expected {EXPECTED}", hint="such as probe: {tcp: 'localhost:80', within: 10s}")
    known = [key for key in node.entries if key in PROBES]
    if not known:
        near = next((found for key in node.entries if (found := nearest(key, tuple(PROBES)))), None)
        raise refuse(node, problems, f"expected {EXPECTED}", hint=f"did you mean {near!r}?" if near else None)
    if len(known) > 1:
        hint = "to look at several things write a command that does"
        raise refuse(node, problems, f"a probe has one kind, not {' and '.join(known)}", hint=hint)
    kind = PROBES[known[0]]
    values = parse_table(probe_table(kind), node, problems)
    try:
        probe = kind.build(values)
    except ValueError as error:
        raise refuse(node, problems, str(error)) from None
    given = values.by_key[kind.key]
    command = given if kind.key == COMMAND_KIND.key and isinstance(given, tuple) else ()
    return PlacedProbing(Probing(probe, values[WITHIN]), node.place, command)


def probe_table(kind: ProbeKind) -> tuple[Field[object], ...]:
    """The keys of a probe of this kind."""
    return (*kind.fields, *fields(WITHIN))


def _schema() -> JsonSchema:
    return {"oneOf": [{**mapping_schema(probe_table(kind)), "description": kind.doc} for kind in PROBES.values()]}


PROBE_KIND = Parsed(EXPECTED, _parse, _schema)
