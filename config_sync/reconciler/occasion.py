"""Why a pass runs, and what it may hold while it does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from config_sync.model import ChangeEvent, Record
from config_sync.workqueue import Wake


@dataclass(frozen=True, slots=True)
class Occasion:
    """What led to a pass.

    `hints`: the last event heard of each config, by name: for attribution only, never for a decision about content.
    `marked`: the tick (`client.sharing.tick`) of the newest mark; a fetch that started later, for another target, will
    do. None: this pass fetches for itself.
    `may_reload` False (``--no-reload``): the reload stays pending. `is_forced_reload`: an operator asked for one.
    `offline_start_s`: where the service cannot be reached, files that are missing or not as recorded come from the
    cache, if it had them at most so many seconds ago; 0: never.
    `on_published` is told of the record once every file is in place, before the consumer's turn, which may take long.
    """

    wakes: frozenset[Wake] = frozenset({Wake.START})
    hints: Mapping[str, ChangeEvent] = field(default_factory=dict)
    marked: int | None = None
    may_reload: bool = True
    is_forced_reload: bool = False
    offline_start_s: float = 0.0
    on_published: Callable[[Record], None] = lambda _record: None

    @property
    def is_local(self) -> bool:
        """Whether nothing was heard of the service: where the disk is as recorded, it need not be asked."""
        return self.wakes <= {Wake.RELOAD_RETRY, Wake.FILES}


class Slots(Protocol):
    """The right to be one of the passes at work. It is lent back while a pass waits for a process or a peer."""

    def lent(self) -> contextlib.AbstractContextManager[None]:
        """Give the slot back while inside; wait for one again on the way out."""
        ...


class Unbounded:
    """No limit on the passes at work: for `once`, which makes one at a time."""

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Nothing to give back."""
        yield
