"""A bug of ours in a pass, as an outcome."""

from __future__ import annotations

import traceback

from config_sync.errors import BugFound
from config_sync.log import BUG_FOUND, logger
from config_sync.model import Outcome, Result


def bug_outcome(name: str, error: Exception, *, took_s: float) -> Outcome:
    """What the operator sees of it; the frames go to the log, the exception's text nowhere: it may hold anything."""
    word = type(error).__name__
    logger().error(BUG_FOUND, target=name, error=word, traceback="".join(traceback.format_tb(error.__traceback__)))
    found = BugFound(
        f"a bug in config-sync ended the pass: {word}", hint="please report it with the log's line bug.found"
    )
    return Outcome(name, Result.FAILED, found.reason, took_s, found, is_present=False)
