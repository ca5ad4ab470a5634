"""The template format: a Jinja2 template of the operator's, filled from a document.

The template is the operator's own file; the document is foreign data and never compiled. The sandbox is a second wall,
and its limits (16 MiB of output, 5 seconds of CPU time, ranges, powers) are for mistakes. In the template the members
of the document are variables, and ``config`` is the whole document; it wins over a member of that name, which is
``config.config``. ``configs`` has the whole document of each config that the file is made of, before a merge and before
a selection: ``configs.common``, ``configs["my-service"]``; in the same way it wins over a member of that name. As
everywhere in Jinja2 a method comes before a member: one that is called ``items`` is ``config['items']``. Missing names
are errors; so are includes and imports, since a template is one file, and filters whose output differs between two
renderings of one document.

Jinja2 is an extra and takes tens of milliseconds to import: `template_engine`, which needs it, is imported when a
template is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config_sync.errors import SettingsError
from config_sync.fields import Field, Values, fields
from config_sync.formats.kind import FormatKind, SourceReader, unusable
from config_sync.kinds import PathText
from config_sync.model import AbsolutePath, Document

if TYPE_CHECKING:
    from config_sync.formats.template_engine import Engine

SOURCE = Field("source", PathText(), "the template's file", is_required=True, nullable=False)


@dataclass(frozen=True, slots=True)
class TemplateFormat:
    """A compiled template. Equal to another one of the same path and text."""

    source: AbsolutePath
    text: str = field(repr=False)
    _engine: Engine = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """``template``."""
        return "template"

    def render(self, document: Document) -> bytes:
        """The whole file, at most 16 MiB. The template owns its end: no newline is added.

        Raises:
            RenderRefused: naming the template and its line, never a value.
        """
        return self._engine.render(document.value, document.configs)

    @property
    def named_configs(self) -> Mapping[str, int]:
        """What it calls by name as ``configs.NAME`` or ``configs["NAME"]``, each with the line of the first time."""
        return self._engine.named_configs


def compile_template(source: AbsolutePath, text: str) -> TemplateFormat:
    """A template ready to render.

    Raises:
        SettingsError: the extra is missing, or the template has a syntax error (the message has its line).
    """
    missing = TEMPLATE.extra_missing
    if missing is not None:
        raise SettingsError(missing)
    # Imports jinja2: only where a template is really used.
    from config_sync.formats.template_engine import Engine

    return TemplateFormat(source, text, Engine(source, text))


def _build(values: Values, read: SourceReader) -> TemplateFormat:
    source = values[SOURCE]
    try:
        return compile_template(source, read(source))
    except SettingsError as error:
        if error.problems:
            raise
        raise unusable(values.place_of(SOURCE), error.message, hint=error.hint) from None


TEMPLATE = FormatKind(
    name="template",
    suffixes=(),
    fields=fields(SOURCE),
    build=_build,
    doc="a Jinja2 template, filled from the document",
    extra="template",
    module="jinja2",
)
