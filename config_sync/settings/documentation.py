"""The settings reference of the README, in Markdown, from the same tables that validate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config_sync.fields import Field
from config_sync.formats import FORMATS
from config_sync.probes import PROBES
from config_sync.settings.agent import AGENT
from config_sync.settings.checker import VALIDATE
from config_sync.settings.file import FILE, OPTIONS
from config_sync.settings.probe import probe_table
from config_sync.settings.reload import WORKING_KINDS
from config_sync.settings.root import ROOT
from config_sync.settings.section import Section
from config_sync.settings.service import SERVICE
from config_sync.settings.target import TARGET


def reference() -> str:
    """Every key that works in this version: its name, its default, what it is. Ends with a newline."""
    parts = [
        _part("The file", ROOT, ""),
        _part("`service`", SERVICE, "service."),
        _part("`agent`", AGENT, "agent."),
        _part("A target (`targets.NAME`)", TARGET, ""),
        _part("`validate` with options", VALIDATE, "validate."),
        _part("A file (`files[]`)", tuple(one for one in FILE if one.key not in OPTIONS), ""),
    ]
    formats = [kind for kind in FORMATS.values() if kind.fields]
    parts += [_part(f"Options of the format `{kind.name}`", kind.fields, f"{kind.name}.") for kind in formats]
    parts += [_part(f"A reload by `{kind.key}`", kind.fields, "", intro=kind.doc) for kind in WORKING_KINDS]
    parts += [
        _part(f"A probe by `{kind.key}`", probe_table(kind), "probe.", intro=kind.doc) for kind in PROBES.values()
    ]
    return "\n".join(parts)


def _part(title: str, table: Sequence[Field[object]], prefix: str, *, intro: str = "") -> str:
    lines = [f"#### {title}", ""]
    if intro:
        lines += [intro, ""]
    lines += ["| key | default | what it is |", "|---|---|---|"]
    lines += [_row(one, name) for one, name in _leaves(table, prefix)]
    return "\n".join(lines) + "\n"


def _leaves(table: Sequence[Field[object]], prefix: str) -> Iterator[tuple[Field[object], str]]:
    """Each key that works, with the keys of a small section after its own."""
    for one in table:
        if one.not_yet:
            continue
        yield one, prefix + one.key
        if isinstance(one.kind, Section):
            yield from _leaves(one.kind.table, f"{prefix}{one.key}.")


def _row(one: Field[object], name: str) -> str:
    default = "needed" if one.is_required else _code(one.default_text)
    return f"| `{name}` | {default} | {_cell(one.doc)} |"


def _code(text: str) -> str:
    """A value in code type, a description as it is."""
    is_prose = text.startswith(("the ", "by "))
    return _cell(text if is_prose else f"`{text}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
