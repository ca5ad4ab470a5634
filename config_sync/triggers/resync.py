"""The periodic full compare, which finds what no stream told."""

from __future__ import annotations

from collections.abc import Callable

from config_sync.backoff import around


def resync_delay(resync_s: float, chance: Callable[[], float]) -> float:
    """Seconds until the next full compare: `resync_s` ±20 %, so that a fleet started together drifts apart."""
    return around(resync_s, chance)
