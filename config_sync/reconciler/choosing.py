"""Which kept revisions stand in for what cannot be fetched (``agent.offline_start``).

A target gets what its record names, since that is what it lived with. Only where what is on disk, or was about to be,
is the newest of the cache already (whoever published it died before the record said so) that is taken; and where what
the record names cannot be had, the newest may do. Never one that this target had to roll back, and none that the
service is not known to have had within `max_age_s`; a pinned version does not age.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from config_sync.cache import Cached, RevisionCache
from config_sync.clock import Clock, rfc3339
from config_sync.errors import DecryptFailed, DocumentRefused, RenderRefused, RevisionMissing
from config_sync.model import AbsolutePath, ConfigRef, FileState, PinnedBy, Present, Record, Target
from config_sync.reconciler.desired import Desired, from_service, is_as_left
from config_sync.reconciler.guarding import Schemas
from config_sync.reconciler.sources import CachedService, Keys
from config_sync.records import Records
from config_sync.stop import Stop

Observed: TypeAlias = Mapping[AbsolutePath, FileState]


class Refused:
    """Why the cache has not more to offer, each reason once."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def note(self, reason: str) -> None:
        """One sentence."""
        if reason not in self.reasons:
            self.reasons.append(reason)


class Choice:
    """Shared by all threads, like `Reconciler`. `cache` None: nothing is ever served."""

    def __init__(
        self, cache: RevisionCache | None, *, keys: Keys, schemas: Schemas, records: Records, clock: Clock
    ) -> None:
        self._cache = cache
        self._keys = keys
        self._schemas = schemas
        self._records = records
        self._clock = clock

    def is_needed(self, target: Target, observed: Observed, record: Record) -> bool:
        """Whether a file is missing or not as recorded, and there is a cache to ask."""
        if self._cache is None:
            return False
        if record.pin is not None and record.pin.by is PinnedBy.OPERATOR:
            return False  # what is held stays as it is
        return not is_as_left(target, observed, record)

    def candidates(
        self, target: Target, observed: Observed, record: Record, stop: Stop, refused: Refused, *, max_age_s: float
    ) -> Iterator[Desired]:
        """What the cache has for the target, best first, and the service had at most `max_age_s` ago.

        Raises:
            CredentialError, Stopped.
        """
        newest = self._chosen(target, record, {}, refused, max_age_s)
        recorded = self._chosen(target, record, _recorded(target, record), refused, max_age_s)
        made = None if newest is None else self._made(target, newest, record, stop, refused)
        if made is not None and (recorded in (None, newest) or _is_there(made, observed, record)):
            yield made
            made = None
        if recorded is not None and recorded != newest:
            other = self._made(target, recorded, record, stop, refused)
            if other is not None:
                yield other
        if made is not None:
            yield made

    def _chosen(
        self, target: Target, record: Record, wanted: Mapping[str, str], refused: Refused, max_age_s: float
    ) -> CachedService | None:
        """Of each config, by its label, the revision that is `wanted`, else the newest; None: one is not to be had."""
        chosen: dict[ConfigRef, Cached] = {}
        for ref in target.configs:
            if ref in target.optional and record.revisions and ref.label not in record.revisions:
                continue
            try:
                chosen[ref] = self._found(ref, wanted.get(ref.label), target.name, max_age_s)
            except RevisionMissing as error:
                if ref in target.optional and not record.revisions:
                    continue
                refused.note(error.message)
                return None
        return CachedService(chosen)

    def _found(self, ref: ConfigRef, wanted: str | None, name: str, max_age_s: float) -> Cached:
        """Raises RevisionMissing."""
        assert self._cache is not None
        for cached in self._cache.each(ref):
            one = cached.revision
            if name in one.refused_by or wanted not in (None, one.revision):
                continue
            if ref.version is None and self._clock.now() - one.confirmed_at > max_age_s:
                raise RevisionMissing(
                    f"config {ref.label}: the service last had the cached revision {one.revision} at "
                    f"{rfc3339(one.confirmed_at)}, which is longer ago than agent.offline_start allows"
                )
            return cached
        what = f"revision {wanted} is not" if wanted is not None else "nothing that it could use is"
        raise RevisionMissing(f"config {ref.label}: {what} in the cache")

    def _made(
        self, target: Target, service: CachedService, record: Record, stop: Stop, refused: Refused
    ) -> Desired | None:
        """What the target is with these; None: they do not open, or cannot be rendered any more."""
        try:
            made = from_service(
                target,
                service,
                keys=self._keys,
                schemas=self._schemas,
                digest_key=self._records.digest_key,
                record=record,
                hints=service.stories(),
                stop=stop,
            )
        except (DecryptFailed, DocumentRefused, RenderRefused) as error:
            refused.note(error.message)
            return None
        return replace(made, seen=(), cached_as_of=service.as_of)


def _recorded(target: Target, record: Record) -> Mapping[str, str]:
    """The revision of each config that is recorded, by its label."""
    if len(target.configs) > 1:
        return record.revisions
    return {target.configs[0].label: record.revision} if record.revision is not None else {}


def _is_there(made: Desired, observed: Observed, record: Record) -> bool:
    """Whether it is what is on disk, or what a publish under way was about to put there."""
    wanted = {str(one.path): one.digest for one in made.wanted}
    found = {str(path): state.digest for path, state in observed.items() if isinstance(state, Present)}
    attempt = record.attempting
    begun = {**record.written, **attempt.digests} if attempt is not None and not attempt.is_published else None
    return wanted in (found, begun)
