"""Outcomes and stream states in, statuses and conditions out; `since` tells of changes and of nothing else."""

from __future__ import annotations

import pytest

from config_sync.errors import CheckRejected, FileError, NotFound, ReloadFailed, ServiceUnavailable, SyncError
from config_sync.formats.json_ import JsonFormat
from config_sync.model import (
    AbsolutePath,
    ChangeEvent,
    Condition,
    ConditionType,
    ConfigName,
    ConfigRef,
    Digest,
    FileSpec,
    Outcome,
    Record,
    ReloadResult,
    Result,
    Target,
    Truth,
)
from config_sync.status import Board, Linked, State, TargetStatus
from config_sync.status.readiness import is_ready, startup_done
from tests.fakes import START, FakeReload, HandClock

PATH = AbsolutePath("/etc/app.json")
TOLD = Record(written={PATH: Digest("v1")}, reloaded={PATH: Digest("v1")}, version=1)
OWED = Record(written={PATH: Digest("v2")}, reloaded={PATH: Digest("v1")}, version=2)


def target(name: str = "app", *configs: str, version: int | None = None, is_required: bool = True) -> Target:
    refs = [ConfigRef(ConfigName(config), version=version) for config in (configs or (name,))]
    files = tuple(FileSpec(PATH, ref, JsonFormat()) for ref in refs)
    return Target(name, files, reload=(FakeReload(),), required=is_required)


class Watched:
    """A board with one target, and a clock that moves ten seconds before each thing that happens."""

    def __init__(self, *configs: str, record: Record = TOLD, version: int | None = None) -> None:
        self.clock = HandClock()
        self.board = Board(self.clock, stale_after_s=900.0)
        self.board.expect(target("app", *configs, version=version), record)

    def passed(
        self,
        error: SyncError | None = None,
        *,
        record: Record = TOLD,
        reload: ReloadResult | None = None,
        is_compared: bool = True,
    ) -> SyncError | None:
        self.clock.passed_s += 10.0
        result = Result.UNCHANGED if error is None else Result.FAILED
        outcome = Outcome("app", result, "InSync", 0.1, error=error, reload=reload, is_compared=is_compared)
        return self.board.settled(outcome, record)

    def linked(self, config: str, reason: str | None = None) -> None:
        self.clock.passed_s += 10.0
        linked = Linked(reason is None, reason or "StreamLive", "told", self.clock.now())
        self.board.link(config, linked)

    def status(self) -> TargetStatus:
        return self.board.statuses()[0]

    def condition(self, kind: ConditionType) -> Condition:
        return next(one for one in self.status().conditions if one.type is kind)


def test_a_failure_keeps_its_first_time_and_its_end_is_told_once() -> None:
    board = Watched()
    assert board.passed() is None
    error = ServiceUnavailable("refused")
    board.passed(error)
    since = board.status().error_since
    board.passed(ServiceUnavailable("refused"))
    assert board.status().error_since == since == START + 20.0
    board.passed(ServiceUnavailable("timed out"))
    assert board.status().error_since == START + 40.0
    ended = board.passed()
    assert ended is not None
    assert ended.message == "timed out"
    assert board.status().error is None
    assert board.status().error_since is None
    assert board.passed() is None


def test_a_condition_keeps_its_since_while_only_its_reason_changes() -> None:
    board = Watched()
    board.passed(ServiceUnavailable("x"))
    board.passed(NotFound("x"))
    synced = board.condition(ConditionType.SYNCED)
    assert (synced.status, synced.reason, synced.since) == (Truth.FALSE, "NotFound", START + 10.0)
    board.passed()
    synced = board.condition(ConditionType.SYNCED)
    assert (synced.status, synced.since) == (Truth.TRUE, START + 30.0)
    board.passed()
    assert board.condition(ConditionType.SYNCED).since == START + 30.0


@pytest.mark.parametrize(
    ("error", "record", "truth"),
    [
        pytest.param(ServiceUnavailable("x"), TOLD, Truth.FALSE, id="was_written_before"),
        pytest.param(ServiceUnavailable("x"), Record(), Truth.UNKNOWN, id="never_written"),
        pytest.param(FileError("x"), Record(), Truth.FALSE, id="local"),
        pytest.param(ReloadFailed("x"), OWED, Truth.TRUE, id="only_the_reload_failed"),
    ],
)
def test_synced(error: SyncError, record: Record, truth: Truth) -> None:
    board = Watched(record=record)
    board.passed(error, record=record)
    assert board.condition(ConditionType.SYNCED).status is truth


@pytest.mark.parametrize(
    ("error", "record", "reload", "truth", "reason", "pending"),
    [
        pytest.param(None, TOLD, None, Truth.TRUE, "NothingOwed", False, id="nothing_owed"),
        pytest.param(None, TOLD, ReloadResult.RELOADED, Truth.TRUE, "Reloaded", False, id="reloaded"),
        pytest.param(None, OWED, None, Truth.FALSE, "ReloadOwed", True, id="owed"),
        pytest.param(ReloadFailed("x"), OWED, None, Truth.FALSE, "ReloadFailed", True, id="failed"),
        pytest.param(
            None,
            OWED,
            ReloadResult.WAITING_FOR_CONSUMER,
            Truth.UNKNOWN,
            "WaitingForConsumer",
            False,
            id="consumer_not_running",
        ),
    ],
)
def test_reloaded(
    error: SyncError | None, record: Record, reload: ReloadResult | None, truth: Truth, reason: str, pending: bool
) -> None:
    board = Watched()
    board.passed(error, record=record, reload=reload)
    reloaded = board.condition(ConditionType.RELOADED)
    assert (reloaded.status, reloaded.reason) == (truth, reason)
    assert board.status().reload_pending is pending
    assert board.status().state is (State.RELOAD_PENDING if pending else State.SYNCED)


def test_a_consumer_that_is_not_running_is_no_pending_reload_during_an_outage_either() -> None:
    board = Watched()
    board.passed(record=OWED, reload=ReloadResult.WAITING_FOR_CONSUMER)
    board.passed(ServiceUnavailable("x"), record=OWED)
    assert not board.status().reload_pending
    assert board.condition(ConditionType.RELOADED).reason == "WaitingForConsumer"


def test_a_pass_that_compared_nothing_confirms_nothing_and_ends_no_rejection() -> None:
    board = Watched()
    board.passed()
    board.passed(CheckRejected("no"), record=OWED)
    assert board.passed(record=TOLD, reload=ReloadResult.RELOADED, is_compared=False) is None
    assert board.status().state is State.REJECTED
    assert board.status().current_as_of == START + 10.0
    assert board.condition(ConditionType.SYNCED).reason == "CheckRejected"
    assert board.condition(ConditionType.RELOADED).reason == "Reloaded"


def test_a_reload_that_works_at_last_ends_its_own_failure() -> None:
    board = Watched()
    board.passed(ReloadFailed("no"), record=OWED)
    assert isinstance(board.passed(reload=ReloadResult.RELOADED, is_compared=False), ReloadFailed)
    assert board.status().state is State.SYNCED
    assert board.status().current_as_of == START + 10.0


def test_an_event_makes_it_pending_until_a_pass_has_compared() -> None:
    board = Watched()
    board.passed()
    board.board.heard(ChangeEvent("app", version=2))
    assert board.status().state is State.PENDING
    board.passed(ServiceUnavailable("x"))
    assert board.status().state is State.PENDING
    board.passed()
    assert board.status().state is State.SYNCED
    board.board.heard(ChangeEvent("other", version=2))
    board.board.heard(ChangeEvent("app"))
    assert board.status().state is State.SYNCED


def test_an_event_of_a_config_that_the_target_no_longer_uses_makes_nothing_pending() -> None:
    watched = Watched("old")
    watched.passed()
    watched.board.expect(target("app", "new"), TOLD)
    watched.board.heard(ChangeEvent(ConfigName("old"), version=7))
    assert watched.status().state is State.SYNCED
    watched.board.heard(ChangeEvent(ConfigName("new"), version=7))
    assert watched.status().state is State.PENDING


def test_the_stream_of_one_config_is_known_while_a_target_watches_it() -> None:
    watched = Watched("old")
    watched.linked("old")
    linked = watched.board.linked("old")
    assert linked is not None
    assert linked.is_connected
    watched.board.expect(target("app", "new"), TOLD)
    assert watched.board.linked("old") is None


def test_not_confirmed_for_long_is_stale() -> None:
    board = Watched()
    assert board.status().state is State.STALE
    board.passed()
    board.clock.passed_s += 901.0
    assert board.status().state is State.STALE


def test_connected_is_true_only_when_every_stream_is() -> None:
    board = Watched("one", "two")
    assert board.condition(ConditionType.CONNECTED).reason == "NotWatching"
    board.linked("one")
    assert board.condition(ConditionType.CONNECTED).status is Truth.UNKNOWN
    board.linked("two", "NotFound")
    connected = board.condition(ConditionType.CONNECTED)
    assert (connected.status, connected.reason, connected.message) == (Truth.FALSE, "NotFound", "two: told")
    board.linked("two")
    connected = board.condition(ConditionType.CONNECTED)
    assert (connected.status, connected.since) == (Truth.TRUE, START + 30.0)


def test_another_reason_for_no_stream_keeps_its_since() -> None:
    board = Watched()
    board.linked("app", "Connecting")
    board.linked("app", "NotFound")
    connected = board.condition(ConditionType.CONNECTED)
    assert (connected.reason, connected.since) == ("NotFound", START + 10.0)


def test_a_pinned_version_is_not_watched() -> None:
    board = Watched(version=3)
    assert board.condition(ConditionType.CONNECTED).reason == "Pinned"
    assert board.board.links() == {}


def test_streams_that_no_target_uses_any_more_are_not_told_of() -> None:
    board = Watched("one")
    board.linked("one")
    board.linked("gone", "NotFound")
    assert list(board.board.links()) == ["one"]


def test_new_settings_keep_what_is_known_and_set_the_order() -> None:
    board = Watched()
    board.passed()
    board.board.expect(target("first"), Record())
    board.board.arrange(["first", "app", "unknown"])
    assert [one.target.name for one in board.board.statuses()] == ["first", "app"]
    board.board.expect(target("app", "other"), TOLD)
    assert board.board.statuses()[1].current_as_of == START + 10.0
    board.board.forget("first")
    assert [one.target.name for one in board.board.statuses()] == ["app"]
    assert board.board.settled(Outcome("first", Result.UNCHANGED, "InSync", 0.1), TOLD) is None


def test_every_change_is_told() -> None:
    board = Watched()
    told: list[int] = []
    board.board.on_change = lambda: told.append(1)
    board.passed()
    board.linked("app")
    board.board.heard(ChangeEvent("app", version=2))
    board.board.forget("app")
    assert len(told) == 4


def test_startup_and_readiness_ask_required_targets_only() -> None:
    clock = HandClock()
    board = Board(clock, stale_after_s=900.0)
    board.expect(target("needed"), Record())
    board.expect(target("extra", is_required=False), Record())
    assert not startup_done(board.statuses())
    board.settled(Outcome("needed", Result.CHANGED, "Missing", 0.1), TOLD)
    assert startup_done(board.statuses())
    assert is_ready(board.statuses())
    board.settled(Outcome("extra", Result.FAILED, "x", 0.1, error=FileError("x")), Record())
    assert is_ready(board.statuses())
    board.settled(Outcome("needed", Result.FAILED, "x", 0.1, error=CheckRejected("x")), TOLD)
    assert is_ready(board.statuses())
    board.settled(Outcome("needed", Result.FAILED, "x", 0.1, error=FileError("x")), TOLD)
    assert startup_done(board.statuses())
    assert not is_ready(board.statuses())
