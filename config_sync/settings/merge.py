"""Which configs a file is made of: ``config``, or ``merge``, or a part of either by ``select``."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import cast

from config_sync.fields import (
    Field,
    Invalid,
    JsonSchema,
    ListNode,
    Node,
    Problems,
    ScalarNode,
    Values,
    expanded,
    fields,
    parse_table,
    quoted,
    refuse,
    scalar,
)
from config_sync.formats.pointer_globs import POINTER
from config_sync.kinds import Flag, Integer, Name, Parsed
from config_sync.model import ConfigName, ConfigRef, Part
from config_sync.settings.section import mapping_schema


def _parse_environment(node: Node, problems: Problems) -> str:
    expected = "the name of an environment"
    one = expanded(node, problems, expected)
    if not one.text or len(one.text) > 253 or not one.text.isprintable() or " " in one.text:
        raise refuse(node, problems, f"expected {expected}: 1 to 253 characters without blanks")
    return one.text


def _environment_schema() -> JsonSchema:
    return {"type": "string", "minLength": 1, "maxLength": 253, "pattern": r"^\S+$"}


ENVIRONMENT_NAME = Parsed("the name of an environment", _parse_environment, _environment_schema)

ENTRY_CONFIG = Field("config", Name(), "the config", is_required=True)
ENTRY_ENVIRONMENT = Field("environment", ENVIRONMENT_NAME, "of this config", default_text="the file's")
ENTRY_VERSION = Field("version", Integer(1), "a pin of this config")
ENTRY_OPTIONAL = Field("optional", Flag(), "the service need not have it", False, "false")
ENTRY = fields(ENTRY_CONFIG, ENTRY_ENVIRONMENT, ENTRY_VERSION, ENTRY_OPTIONAL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the configs of a merge as the settings have it; what is not said comes from the file."""

    name: ConfigName
    environment: str | None = None
    version: int | None = None
    is_optional: bool = False


def _parse_entry(node: Node, problems: Problems) -> Entry:
    if isinstance(node, ScalarNode):
        return Entry(Name().parse(node, problems))
    values = parse_table(ENTRY, node, problems)
    return Entry(
        values[ENTRY_CONFIG],
        values.optional(ENTRY_ENVIRONMENT),
        values.optional(ENTRY_VERSION),
        values[ENTRY_OPTIONAL],
    )


_EXPECTED = "a list of configs, such as [common, my-service, {config: my-host, optional: true}]"


def _parse_merge(node: Node, problems: Problems) -> tuple[Entry, ...]:
    if not isinstance(node, ListNode):
        raise refuse(node, problems, f"expected {_EXPECTED}")
    if not node.items:
        raise refuse(node, problems, f"expected {_EXPECTED}, not an empty list")
    found: list[Entry] = []
    for item in node.items:
        try:
            found.append(_parse_entry(item, problems))
        except Invalid:
            continue
    if len(found) < len(node.items):
        raise Invalid
    if all(one.is_optional for one in found):
        raise refuse(
            node,
            problems,
            "every config of the merge is optional, and without any there is no document",
            hint="leave 'optional' out of one of them",
        )
    return tuple(found)


def _merge_schema() -> JsonSchema:
    return {
        "type": "array",
        "items": {"anyOf": [Name().json_schema(), mapping_schema(ENTRY)]},
        "minItems": 1,
    }


MERGE = Field(
    "merge",
    Parsed(_EXPECTED, _parse_merge, _merge_schema),
    "instead of `config`: several configs as one document by JSON Merge Patch (RFC 7396), later ones win and null "
    "takes away; an entry is a name or `{config: …, environment: …, version: …, optional: true}`; one that is "
    "`optional` may be missing at the service",
)


def _parse_pointer(node: Node, problems: Problems) -> str:
    expected = "a JSON pointer such as /db, in which ~1 is a slash and ~0 a tilde"
    one = scalar(node, problems, expected)
    if re.fullmatch(POINTER, one.text) is None:
        hint = f"did you mean /{one.text}?" if re.fullmatch(POINTER, f"/{one.text}") else None
        raise refuse(node, problems, f"expected {expected}, not {quoted(one.text)}", hint=hint)
    return one.text


SELECT = Field(
    "select",
    Parsed("a JSON pointer such as /db", _parse_pointer, lambda: {"type": "string", "pattern": "^(/([^~/]|~[01])*)*$"}),
    "a JSON pointer (RFC 6901): only this part of the document, after a merge",
)
CONFIG = Field("config", Name(), "the config it is made of", default_text="the target's name")
VERSION = Field("version", Integer(1), "a pin: this version is fetched once and never watched")


def parts_of(values: Values, environment: str | None, problems: Problems) -> tuple[Part, ...]:
    """The parts of a file's merge; none: it is made of one config. Raises Invalid after reporting what is wrong.

    `environment` is the file's. Of a key of the file and one of ``defaults`` the file's counts.
    """
    entries = values.optional(MERGE)
    if entries is None:
        return ()
    is_default = values.place_of(MERGE).path.startswith("defaults.")
    is_right = True
    alone = (CONFIG, "name it in the list"), (VERSION, "pin an entry: {config: NAME, version: N}")
    for field, instead in cast("tuple[tuple[Field[object], str], ...]", alone):
        given = values.place_of(field)
        if values.optional(field) is None or (given.path.startswith("defaults.") and not is_default):
            continue
        if is_default and not given.path.startswith("defaults."):
            return ()
        problems.error(given, f"{field.key!r} does not go with 'merge'", hint=instead)
        is_right = False
    parts = tuple(
        Part(ConfigRef(one.name, one.environment or environment, one.version), one.is_optional) for one in entries
    )
    for ref in [ref for ref, times in Counter(part.ref for part in parts).items() if times > 1]:
        problems.error(values.place_of(MERGE), f"{ref.label!r} stands in the merge more than once", hint="remove one")
        is_right = False
    if not is_right:
        raise Invalid
    return parts
