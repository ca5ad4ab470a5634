"""What the board makes of a revision that was rolled back, and of files that are in place before the consumer knows."""

from __future__ import annotations

import dataclasses

from config_sync.errors import RolledBack, ServiceUnavailable
from config_sync.model import ConditionType, Digest, Pin, PinnedBy, PinnedUntil, Record, Truth
from config_sync.status import State
from config_sync.status.readiness import is_ready, startup_done
from tests.unit.status.test_board import OWED, PATH, TOLD, Watched


def test_a_refused_revision_is_named_whatever_else_is_wrong_and_no_longer_when_the_pin_is_over() -> None:
    pin = Pin(
        {PATH: Digest("v1")},
        PinnedBy.FAILURE,
        PinnedUntil.NEWER,
        refused={PATH: Digest("v2")},
        refused_version=2,
        reason="it died of it",
    )
    pinned = dataclasses.replace(TOLD, pin=pin)
    watched = Watched(record=pinned)
    assert watched.status().state is State.REJECTED, "known before the first pass"
    assert "version 2 was rolled back: it died of it" in str(watched.status().error)
    for error in (RolledBack("version 2 was rolled back"), ServiceUnavailable("no answer")):
        watched.passed(error, record=pinned)
        synced = watched.condition(ConditionType.SYNCED)
        assert (synced.status, synced.reason) == (Truth.FALSE, "RolledBack")
        assert "version 2" in synced.message
        assert watched.status().state is State.REJECTED
    assert is_ready([watched.status()])
    watched.passed(record=TOLD)
    assert watched.condition(ConditionType.SYNCED).status is Truth.TRUE


def test_readiness_hears_of_files_that_are_in_place_while_the_consumer_is_being_told() -> None:
    watched = Watched(record=Record())
    assert not startup_done([watched.status()])
    watched.board.published("app", OWED)
    assert startup_done([watched.status()])
    watched.board.published("a stranger", OWED)
