"""What counts as this machine: the one rule for settings, proxies, reloads and the SDK."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_V4 = re.compile(r"127(\.(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}")


def is_loopback(host: str) -> bool:
    """Whether it is this machine, told by the literal alone: what a name means can change."""
    return host in ("localhost", "::1") or _V4.fullmatch(host) is not None


def is_plain_and_remote(url: str) -> bool:
    """Whether it is http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
