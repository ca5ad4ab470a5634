"""The word that ends a wait."""

from __future__ import annotations


class Stopped(Exception):
    """A wait, a fetch or a hook ended early because the process is stopping. Not an error, never reported as one."""
