"""An operator's order on its way to the pass that carries it out, and back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from config_sync.errors import ConfigSyncError
from config_sync.model import Order, Outcome, Record, Target
from config_sync.reconciler import Reconciler


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of an operator's order. `refused`: nothing was done; None, with `is_recorded`: the record says it.

    `outcome`: how the pass after it ended; None: it was stopped, or there was none.
    """

    is_recorded: bool = False
    refused: ConfigSyncError | None = None
    outcome: Outcome | None = None
    record: Record | None = None


@dataclass(slots=True)
class Waiting:
    """An order that waits for its pass, and who waits for it."""

    order: Order
    future: asyncio.Future[Ordered]
    is_recorded: bool = False
    refused: ConfigSyncError | None = None

    def answer(self, outcome: Outcome | None, record: Record | None = None) -> None:
        """Tell who waits."""
        if not self.future.done():
            self.future.set_result(Ordered(self.is_recorded, self.refused, outcome, record))

    def have_done(self, reconciler: Reconciler, target: Target) -> None:
        """In the thread of the pass, before it."""
        try:
            reconciler.order(target, self.order)
            self.is_recorded = True
        except ConfigSyncError as error:
            self.refused = error
