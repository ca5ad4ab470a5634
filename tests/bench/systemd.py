"""The unit: how long until READY in a booted systemd, and what it may do, beside the units of Debian's own packages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.bench.table import Row, Side, median
from tests.lanes import NEEDS
from tests.system.systemd.machine import ROOT, probed

NOTE = (
    "systemd: boot-to-READY is systemctl start to its return in a machine booted for it (root; `check` included), the"
    " service on the same machine; exposure by systemd-analyze security --offline, packages that are not installed are"
    " left out"
)

PEERS = ("nginx", "haproxy", "prometheus", "postgresql@", "polkit", "ssh", "dbus")
"""Units of Debian's packages, as they are installed."""


def rows(directory: Path, count: int) -> list[Row]:
    """Start-up beside a unit that is ready at once, and the exposure beside each peer."""
    lacks = NEEDS["systemd"].missing()
    if lacks:
        print(f"systemd: not measured: {lacks}")
        return []
    return [*_starts(directory, count), *_exposures()]


def _starts(directory: Path, count: int) -> list[Row]:
    with probed("probe_starts", directory / "machine", count=count) as found:
        measured = {name: _floats(found[name]) for name in ("agent", "check", "nothing")}
    ready, check, nothing = (1000 * median(measured[name]) for name in ("agent", "check", "nothing"))
    return [
        Row(Side("start of config-sync.service to READY", ready), Side("a notify unit of sh", nothing), count),
        Row(Side("of that its ExecStartPre=check", check), None, count),
    ]


def _floats(found: object) -> list[float]:
    assert isinstance(found, list)
    return [float(str(one)) for one in found]


def _exposures() -> list[Row]:
    own = exposure(ROOT / "systemd" / "config-sync.service")
    assert own is not None
    found: list[Row] = []
    for peer in PEERS:
        path = Path(f"/lib/systemd/system/{peer}.service")
        if path.exists() and (of_peer := exposure(path)) is not None:
            found.append(Row(Side("exposure, 0 to 10", own, ""), Side(f"Debian's {path.name}", of_peer, ""), 1))
    return found


def exposure(unit: Path) -> float | None:
    """Of `systemd-analyze security`; None where it cannot say."""
    words = ["systemd-analyze", "security", "--no-pager", "--offline=true", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    return float(found[1]) if found is not None else None
