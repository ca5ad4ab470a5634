"""The newest value of a config, for any number of readers: `Snapshot`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """One value with what is known of it; `value` is hidden in `repr`."""

    value: T | None = field(default=None, repr=False)
    version: int | None = None
    """The service's, where it told one."""
    stored_at: datetime | None = None
    """Aware, UTC; None before the first value."""
    changes: int = 0
    """How many values were stored up to this one."""


class Snapshot(Generic[T]):
    """Holds one value: one thread stores, any number load.

    `load` takes no lock: it reads one reference, which is always a whole, consistent `Stored`. Values are handed out as
    they are, not copied: treat them as frozen.
    """

    __slots__ = ("_changed", "_stored")

    def __init__(self) -> None:
        self._stored: Stored[T] = Stored()
        self._changed = threading.Condition()

    def load(self) -> T | None:
        """The newest value; None before the first."""
        return self._stored.value

    def store(self, value: T, *, version: int | None = None) -> None:
        """Make `value` the newest one and wake everybody in `wait_for_change`."""
        with self._changed:
            self._stored = Stored(value, version, datetime.now(UTC), self._stored.changes + 1)
            self._changed.notify_all()

    def confirm(self, *, version: int | None) -> None:
        """The service has the value under `version` too (a change that changed nothing): no reader is woken."""
        with self._changed:
            held = self._stored
            self._stored = Stored(held.value, version, held.stored_at, held.changes)

    @property
    def stored(self) -> Stored[T]:
        """The newest value with its version and time, all of one moment."""
        return self._stored

    @property
    def version(self) -> int | None:
        """The value's version, where the service told one (``X-Config-Version``)."""
        return self._stored.version

    @property
    def stored_at(self) -> datetime | None:
        """When the value was stored: aware, UTC; None before the first."""
        return self._stored.stored_at

    @property
    def changes(self) -> int:
        """How many values have been stored: what `wait_for_change` takes as `since`."""
        return self._stored.changes

    def wait_for_change(self, timeout: float | None = None, *, since: int | None = None) -> bool:
        """Block until a value is stored, at most `timeout` seconds (None: for ever); whether one was.

        `since` is an earlier reading of `changes`: what was stored after it counts, so that no change is missed between
        a `load` and the wait. Without it only what is stored from now on counts.
        """
        with self._changed:
            seen = self._stored.changes if since is None else since
            return self._changed.wait_for(lambda: self._stored.changes > seen, timeout)

    def __repr__(self) -> str:
        held = self._stored
        return f"Snapshot(version={held.version}, stored_at={held.stored_at}, changes={held.changes})"
