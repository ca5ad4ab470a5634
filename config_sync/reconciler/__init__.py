"""The story of one target: observe, fetch, decrypt, parse, render, plan, stage, validate, publish, reload.

`Reconciler.reconcile` is the only code that changes a target's files. First start, one-shot run, retry, resync, drift
repair and "sync now" are all this one path; an `Occasion` only says why it runs and what was heard of the change.
"""

from config_sync.reconciler.desired import Desired
from config_sync.reconciler.occasion import Occasion, Slots, Unbounded
from config_sync.reconciler.reconcile import Reconciler

__all__ = ["Desired", "Occasion", "Reconciler", "Slots", "Unbounded"]
