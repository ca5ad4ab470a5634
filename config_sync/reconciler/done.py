"""What a pass has done by now, also if it ends in an error."""

from __future__ import annotations

from dataclasses import dataclass, field

from config_sync.errors import SyncError
from config_sync.model import AbsolutePath, OpenedBy, Outcome, ReloadResult, Result
from config_sync.plan import Story


@dataclass(slots=True)
class Done:
    """Filled in as the pass goes on."""

    wrote: list[AbsolutePath] = field(default_factory=list)
    is_compared: bool = True
    has_told: bool = False
    """The consumer's turn has come, however it went."""
    told: ReloadResult | None = None
    """How it went, if it did not fail."""
    opened_by: OpenedBy | None = None
    is_edited: bool = False
    found: Story | None = None
    """What the service has."""
    cached_as_of: float | None = None
    """The files come from the cache: when the service was last known to have them (Unix seconds)."""
    not_cached: str | None = None
    """Why what was published could not be kept in the cache."""
    is_given_up: bool = False
    is_present: bool = True
    """Every file of the target is there at the end."""

    def outcome(
        self,
        name: str,
        result: Result,
        reason: str,
        took_s: float,
        error: SyncError | None,
        told: ReloadResult | None,
    ) -> Outcome:
        """What is told of the pass."""
        return Outcome(
            name,
            result,
            reason,
            took_s,
            error,
            told,
            tuple(self.wrote),
            self.is_compared,
            self.opened_by,
            is_edited=self.is_edited and error is not None and self.cached_as_of is None,
            is_present=self.is_present,
            cached_as_of=self.cached_as_of,
            not_cached=self.not_cached,
            is_given_up=self.is_given_up,
        )
