"""The ``validate`` key: the consumer's own checker, as a list of words or with options."""

from __future__ import annotations

from collections.abc import Sequence

from config_sync.fields import (
    Field,
    JsonSchema,
    ListNode,
    Node,
    Place,
    Problems,
    Values,
    fields,
    nearest,
)
from config_sync.kinds import Argv, Duration, Flag, Parsed
from config_sync.model import AbsolutePath, Validate
from config_sync.reloads.story import names_files, placeholder_problem
from config_sync.settings.section import Section

EXPECTED = "a list of words such as [nginx, -t], or a mapping of command, timeout, in_place"

COMMAND = Field("command", Argv(), "the checker; its exit code 0 accepts the files", is_required=True)
TIMEOUT = Field("timeout", Duration(minimum_s=0.001, maximum_s=86400), "it is killed after that", 30.0, "30s")
IN_PLACE = Field(
    "in_place",
    Flag(),
    "for include-style checkers (`nginx -t`): publish, run, put the old bytes back before any reload if it fails",
    False,
    "false",
)
VALIDATE = fields(COMMAND, TIMEOUT, IN_PLACE)


def _build(values: Values, _problems: Problems) -> Validate:
    return Validate(values[COMMAND], values[TIMEOUT], values[IN_PLACE])


_SECTION = Section(VALIDATE, _build)


def _parse(node: Node, problems: Problems) -> Validate:
    if isinstance(node, ListNode):
        return Validate(Argv().parse(node, problems))
    return _SECTION.parse(node, problems)


def _schema() -> JsonSchema:
    return {"anyOf": [Argv().json_schema(), _SECTION.json_schema()]}


CHECKER = Parsed(EXPECTED, _parse, _schema)


def check_validate(validate: Validate, place: Place, files: Sequence[AbsolutePath], problems: Problems) -> None:
    """Report, at `place`, where it does not say what to check."""
    if said := placeholder_problem(validate.argv, files):
        near = _nearest_name(validate.argv, files)
        problems.error(place, said, hint=f"did you mean {near}?" if near else None)
    elif not validate.in_place and not names_files(validate.argv):
        name = "{file}" if len(files) == 1 else "{file:BASENAME}"
        problems.error(
            place,
            f"validate must say what to check: {name} or {{dir}}",
            hint="these become the staged copies; a checker that reads the published files by itself needs "
            "{command: […], in_place: true}",
        )


def _nearest_name(argv: Sequence[str], files: Sequence[AbsolutePath]) -> str | None:
    names = [path.name for path in files]
    for word in argv:
        start = word.find("{file:")
        name = word[start + 6 :].partition("}")[0] if start >= 0 else None
        if name and name not in names and (near := nearest(name, names)):
            return f"{{file:{near}}}"
    return None
