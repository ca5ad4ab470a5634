"""How it is seen that a consumer is well after a reload: one file a kind, and the table of them.

A kind is one entry here and one file beside; settings, reference, JSON Schema and tests go through the table. Each
looks once; `config_sync.reconciler.probing` looks again until it holds or the time is up.
"""

from __future__ import annotations

from collections.abc import Mapping

from config_sync.probes.command import COMMAND_KIND, CommandProbe
from config_sync.probes.http_ import HTTP_KIND, HttpProbe
from config_sync.probes.kind import ProbeKind
from config_sync.probes.tcp import TCP_KIND, TcpProbe

PROBES: Mapping[str, ProbeKind] = {kind.key: kind for kind in (COMMAND_KIND, HTTP_KIND, TCP_KIND)}
"""Every kind by its word, in the order of the reference."""

__all__ = ["PROBES", "CommandProbe", "HttpProbe", "ProbeKind", "TcpProbe"]
