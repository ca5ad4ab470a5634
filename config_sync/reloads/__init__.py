"""How a consumer is told of new files: one file a kind, and the table of them.

A kind is one entry here and one file beside; settings, reference, JSON Schema and tests go through the table.
`story` is what hooks get to know, `check` runs the consumer's own checker (``validate``).
"""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.reloads.check import run_check
from config_sync.reloads.command import COMMAND_KIND, CommandReload
from config_sync.reloads.http_ import HTTP_KIND, HttpReload
from config_sync.reloads.kind import Doubt, Examined, ReloadKind
from config_sync.reloads.signal_ import SIGNAL_KIND, SignalReload
from config_sync.reloads.story import placeholder_problem, substitute
from config_sync.reloads.systemd import SYSTEMD_KIND, SystemdReload
from config_sync.reloads.touch import TOUCH_KIND, TouchReload

RELOADS: Mapping[str, ReloadKind] = {
    kind.key: kind for kind in (SYSTEMD_KIND, SIGNAL_KIND, COMMAND_KIND, HTTP_KIND, TOUCH_KIND)
}
"""Every kind by its word, in the order of the reference."""

__all__ = [
    "RELOADS",
    "CommandReload",
    "Doubt",
    "Examined",
    "HttpReload",
    "ReloadKind",
    "SignalReload",
    "SystemdReload",
    "TouchReload",
    "placeholder_problem",
    "run_check",
    "substitute",
]
