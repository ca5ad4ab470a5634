"""What was published goes into the cache. That it cannot be kept is told, and fails no pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config_sync.cache import RevisionCache, Seen
from config_sync.clock import Clock
from config_sync.errors import FileError
from config_sync.log import CACHE_RECOVERED, CACHE_UNAVAILABLE, logger
from config_sync.model import Record, Target, WayBack


class Keeper:
    """Shared by all threads, like `Reconciler`. `cache` None: there is no durable state, and nothing is kept."""

    def __init__(self, cache: RevisionCache | None, *, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._failing: str | None = None
        """What was told last of a cache that cannot be written."""

    def keep(self, target: Target, seen: Sequence[Seen]) -> str | None:
        """What the service has is on disk: its revisions are good. Returns why they could not be kept, if so.

        After the files are in place, so that nothing is called good that was never published; before the record says
        that it is, so that a record never names a revision of which a kill left nothing.
        """
        if self._cache is None:
            return None
        now = self._clock.now()  # one for all: it tells which came together
        try:
            for one in seen:
                self._cache.keep(one, target=target.name, now=now)
        except FileError as error:
            self._failed(error)
            return error.message
        if seen and self._failing is not None:
            self._failing = None
            logger().info(CACHE_RECOVERED, target=target.name)
        return None

    def refuse(self, target: Target, record: Record, back: WayBack) -> None:
        """The consumer could not live with what `record` says is on disk, and goes `back`: of this not again.

        Before the rollback begins: a kill in between leaves a revision that is refused and yet on disk, which the next
        pass tries again, and takes back into favour if that goes well.
        """
        if self._cache is None:
            return
        before, after = _revisions(target, back), _revisions(target, record)
        try:
            for ref in target.configs:
                revision = after.get(ref.label)
                if revision is not None and before.get(ref.label) != revision:
                    self._cache.refuse(ref, revision, target=target.name)
        except FileError as error:
            self._failed(error)

    def _failed(self, error: FileError) -> None:
        if self._failing == error.reason:
            return
        self._failing = error.reason
        logger().warning(CACHE_UNAVAILABLE, reason=error.reason, error=error.message, hint=error.hint)


def _revisions(target: Target, of: Record | WayBack) -> Mapping[str, str]:
    """Of each config by its label, as far as they are known."""
    if len(target.configs) > 1:
        return of.revisions
    return {target.configs[0].label: of.revision} if of.revision is not None else {}
