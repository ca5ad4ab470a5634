"""Where a pass gets its configs and keys: the client, with what passes share and what never changes asked for once.

Or the cache, where it is to be an earlier revision, or the service is away: the rest of a pass sees no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from config_sync.cache import Cached
from config_sync.client import Fetched
from config_sync.client.sharing import SharedFetches
from config_sync.clock import Clock
from config_sync.errors import NotFound
from config_sync.model import ChangeEvent, ConfigRef, EncryptionKey
from config_sync.stop import Stop


class Service(Protocol):
    """The part of the client that a pass needs."""

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """The ciphertext of one config. Raises ServiceError, CredentialError, Stopped."""
        ...

    def forget(self, ref: ConfigRef) -> None:
        """What was fetched last is damaged: ask for all of it next time."""
        ...


class Keys(Protocol):
    """Where the encryption keys come from; read anew for every pass, so that a rotation needs no restart."""

    def read(self) -> tuple[EncryptionKey, ...]:
        """Newest first. Raises CredentialError."""
        ...


class PinnedOnce:
    """A service that is asked once for each pinned version: a version never changes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pinned: dict[ConfigRef, Fetched] = {}

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        known = self._pinned.get(ref)
        if known is None:
            known = self._service.fetch(ref, stop)
            if ref.version is not None:
                self._pinned[ref] = known
        return known

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self._pinned.pop(ref, None)
        self._service.forget(ref)


class SharedService:
    """A service whose fetches are shared among the targets that the same news woke."""

    def __init__(self, service: Service, *, clock: Clock) -> None:
        self._service = service
        self._fetches = SharedFetches(service.fetch, clock=clock)

    def since(self, marked: int | None) -> Service:
        """For one pass, whose newest mark was made at the tick `marked` (see `Occasion`)."""
        return _Since(self, marked)

    def fetch(self, ref: ConfigRef, stop: Stop, *, marked: int | None) -> Fetched:
        """See `SharedFetches.fetch`."""
        return self._fetches.fetch(ref, stop, marked=marked)

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self._fetches.forget(ref)
        self._service.forget(ref)


@dataclass(frozen=True, slots=True)
class _Since:
    """A `Service` for one pass."""

    shared: SharedService
    marked: int | None

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        return self.shared.fetch(ref, stop, marked=self.marked)

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`."""
        self.shared.forget(ref)


@dataclass(frozen=True, slots=True)
class CachedService:
    """A `Service` that has of each config one kept revision, and of an optional one perhaps none."""

    chosen: Mapping[ConfigRef, Cached]

    def fetch(self, ref: ConfigRef, stop: Stop) -> Fetched:
        """See `Service`."""
        stop.check()
        found = self.chosen.get(ref)
        if found is None:
            absent = NotFound(f"config {ref.label}: it was not there when the cache was filled")
            absent.is_listed = False
            raise absent
        return Fetched(ref, found.ciphertext, found.revision.version)

    def forget(self, ref: ConfigRef) -> None:
        """See `Service`. The cache tells of damage itself."""

    def stories(self) -> dict[str, ChangeEvent]:
        """Who made each revision and when, as an event would have told."""
        ones = [cached.revision for cached in self.chosen.values()]
        return {
            str(one.ref.name): ChangeEvent(str(one.ref.name), one.version, one.changed_by, one.saved_at) for one in ones
        }

    @property
    def as_of(self) -> float:
        """When the service was last known to have all of them (Unix seconds)."""
        return min((cached.revision.confirmed_at for cached in self.chosen.values()), default=0.0)
