"""How a consumer is told of new files: one file a kind, and the table of them.

A kind is one entry here and one file beside; settings, reference, JSON Schema and tests go through the table.
`story` is what hooks get to know, `check` runs the consumer's own checker (``validate``).
"""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.fields import Field, fields
from config_sync.kinds import PathText, Text
from config_sync.reloads.check import run_check
from config_sync.reloads.command import COMMAND_KIND, CommandReload
from config_sync.reloads.kind import ReloadKind, later
from config_sync.reloads.signal_ import SIGNAL_KIND, SignalReload
from config_sync.reloads.story import placeholder_problem, substitute
from config_sync.reloads.systemd import SYSTEMD_KIND, SystemdReload

_HTTP = later(
    "http",
    *fields(
        Field("http", Text("a URL"), "The URL to call.", not_yet=True),
        Field("method", Text(), "The HTTP method.", not_yet=True, default_text="POST"),
        Field("expect", Text(), "The status codes that mean success.", not_yet=True, default_text="[200]"),
        Field("headers", Text(), "Headers to send.", not_yet=True, default_text="{}"),
        Field("timeout", Text(), "How long the call may take.", not_yet=True, default_text="5s"),
    ),
    doc="Calls a URL of the consumer.",
)
_TOUCH = later(
    "touch",
    *fields(Field("touch", PathText(), "The stamp file.", not_yet=True)),
    doc="Writes a stamp file, for path units and other watchers.",
)

RELOADS: Mapping[str, ReloadKind] = {
    kind.key: kind for kind in (SYSTEMD_KIND, SIGNAL_KIND, COMMAND_KIND, _HTTP, _TOUCH)
}
"""Every kind by its word, in the order of the reference."""

__all__ = [
    "RELOADS",
    "CommandReload",
    "ReloadKind",
    "SignalReload",
    "SystemdReload",
    "placeholder_problem",
    "run_check",
    "substitute",
]
