"""Which key opened what: told when it changes, so that a rotation can be followed and the old key taken away."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from config_sync.log import KEY_SERVED, logger
from config_sync.model import ConfigRef, OpenedBy


class KeyLog:
    """In memory only, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[ConfigRef, str] = {}

    def look(self, opened: Mapping[ConfigRef, OpenedBy]) -> OpenedBy | None:
        """Tell of each config that another key opened than last time; the oldest key of all that were needed."""
        for ref, one in opened.items():
            with self._lock:
                before = self._seen.get(ref)
                self._seen[ref] = one.fingerprint
            if before != one.fingerprint:
                line = logger().debug if before is None else logger().info
                line(KEY_SERVED, config=ref.name, key=one.fingerprint, number=one.number, of=one.of, before=before)
        return max(opened.values(), key=lambda one: one.number, default=None)
