"""Which revision a refusal is about: told by the status, so that nobody has to guess which version was meant."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from config_sync.errors import Refused, SyncError
from config_sync.plan import Story
from config_sync.status.state import REFUSALS, is_local


def name_refused(error: SyncError, story: Story | None) -> None:
    """Let a refusal name the revision that `story` is of, unless it names one already.

    A checker that could not be started has refused nothing.
    """
    is_refusal = isinstance(error, REFUSALS) and not is_local(error)
    if is_refusal and error.refused is None and story is not None:
        error.refused = Refused(story.version, story.revision)


@contextlib.contextmanager
def refusing(story: Story) -> Iterator[None]:
    """The same for a refusal that comes out of it."""
    try:
        yield
    except SyncError as error:
        name_refused(error, story)
        raise
