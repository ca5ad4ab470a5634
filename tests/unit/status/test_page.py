"""``status.json``: the keys of the contract and no others, no value of a document, whole at every moment."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config_sync.errors import CheckRejected, ServiceUnavailable
from config_sync.model import Digest, Outcome, Pin, PinnedBy, PinnedUntil, Record, ReloadResult, Result
from config_sync.status import Board, Linked, StatusPage
from config_sync.status.page import amend
from tests.fakes import START, HandClock
from tests.unit.status.test_board import PATH, TOLD, target

PAGE = {"version", "pid", "started_at", "service", "targets"}
SERVICE = {"host", "connected", "since"}
TARGET = {
    "name",
    "state",
    "conditions",
    "version",
    "revision",
    "changed_by",
    "saved_at",
    "written_at",
    "reloaded_at",
    "current_as_of",
    "reload_pending",
    "from_cache_since",
    "hold",
    "skipped",
    "error",
    "configs",
    "files",
}
CONFIG = {"name", "environment", "version", "pinned", "optional"}
CONDITION = {"type", "status", "reason", "message", "since"}
ERROR = {"reason", "message", "hint", "since", "refused"}
FILE = {"path", "config", "state"}
FULL = Record(
    written=TOLD.written,
    reloaded=TOLD.reloaded,
    version=4,
    revision="abc",
    changed_by=7,
    saved_at=START - 5,
    written_at=START,
    reloaded_at=START + 1,
)


class Paged:
    def __init__(self, runtime_dir: Path) -> None:
        self.clock = HandClock()
        self.board = Board(self.clock, stale_after_s=900.0)
        self.path = runtime_dir / "status.json"
        self.page = StatusPage(self.board, runtime_dir=str(runtime_dir), host="https://h", clock=self.clock)

    def read(self) -> dict[str, object]:
        self.page.write()
        loaded: object = json.loads(self.path.read_text())
        assert isinstance(loaded, dict)
        return loaded


@pytest.fixture
def paged(tmp_path: Path) -> Paged:
    return Paged(tmp_path / "run")


def test_the_keys_are_those_of_the_contract_for_every_kind_of_target(paged: Paged) -> None:
    paged.board.expect(target("fine"), FULL)
    paged.board.expect(target("new"), Record())
    paged.board.expect(target("bad"), TOLD)
    paged.board.link("fine", Linked(True, "StreamLive", "x", START))
    paged.board.settled(Outcome("fine", Result.CHANGED, "Missing", 0.1, reload=ReloadResult.RELOADED), FULL)
    paged.board.settled(Outcome("bad", Result.FAILED, "x", 0.1, error=CheckRejected("no", hint="look")), TOLD)
    page = paged.read()
    assert set(page) == PAGE
    assert isinstance(page["service"], dict)
    assert set(page["service"]) == SERVICE
    assert isinstance(page["targets"], list)
    for one in page["targets"]:
        assert set(one) == TARGET
        assert all(set(condition) == CONDITION for condition in one["conditions"])
        assert one["error"] is None or set(one["error"]) == ERROR
        assert all(set(config) == CONFIG for config in one["configs"])
        assert all(set(file) == FILE for file in one["files"])
    assert [one["state"] for one in page["targets"]] == ["synced", "pending", "rejected"]


def test_what_it_says_of_a_target(paged: Paged) -> None:
    paged.board.expect(target("fine"), FULL)
    paged.clock.passed_s = 61.5
    paged.board.settled(Outcome("fine", Result.CHANGED, "Missing", 0.1, reload=ReloadResult.RELOADED), FULL)
    targets = paged.read()["targets"]
    assert isinstance(targets, list)
    told = targets[0]
    assert (told["version"], told["revision"], told["changed_by"]) == (4, "abc", 7)
    assert told["current_as_of"] == "2023-11-14T22:14:21.500Z"
    assert told["written_at"] == "2023-11-14T22:13:20.000Z"
    assert told["files"] == [{"path": PATH, "config": "fine", "state": "written"}]
    assert told["reload_pending"] is False


def test_it_names_what_the_settings_dropped_and_what_still_stands_there(paged: Paged) -> None:
    paged.board.expect(target("fine"), FULL)
    left = dataclasses.replace(FULL, dropped={"/etc/old.conf": Digest("d")})
    paged.board.settled(Outcome("fine", Result.UNCHANGED, "InSync", 0.1), left)
    targets = paged.read()["targets"]
    assert isinstance(targets, list)
    assert {"path": "/etc/old.conf", "config": None, "state": "dropped"} in targets[0]["files"]


def test_the_service_is_connected_when_all_streams_are_and_since_says_since_when(paged: Paged) -> None:
    paged.board.expect(target("app", "one", "two"), TOLD)
    assert paged.read()["service"] == {"host": "https://h", "connected": False, "since": None}
    paged.board.link("one", Linked(True, "StreamLive", "x", START + 30))
    paged.board.link("two", Linked(False, "NotFound", "x", START + 10))
    lost = paged.read()["service"]
    assert lost == {"host": "https://h", "connected": False, "since": "2023-11-14T22:13:30.000Z"}
    paged.board.link("two", Linked(True, "StreamLive", "x", START + 40))
    live = paged.read()["service"]
    assert live == {"host": "https://h", "connected": True, "since": "2023-11-14T22:14:00.000Z"}


def test_anybody_may_read_it_and_no_temporary_file_stays(paged: Paged) -> None:
    before = os.umask(0o077)
    try:
        paged.read()
    finally:
        os.umask(before)
    assert paged.path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(paged.path.parent) == ["status.json"]


def test_it_is_replaced_only_when_something_changed(paged: Paged) -> None:
    paged.board.expect(target("app"), TOLD)
    paged.read()
    inode = paged.path.stat().st_ino
    paged.read()
    assert paged.path.stat().st_ino == inode
    paged.board.settled(Outcome("app", Result.FAILED, "x", 0.1, error=ServiceUnavailable("x")), TOLD)
    paged.read()
    assert paged.path.stat().st_ino != inode


def test_a_place_that_cannot_be_written_is_told_once_and_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    paged = Paged(tmp_path / "file" / "run")
    with capture_logs() as logs:
        for name in ("a", "b"):
            paged.board.expect(target(name), TOLD)
            paged.page.write()
    assert [line["event"] for line in logs] == ["state.unavailable"]


def test_a_hold_says_who_and_why_and_a_skipped_revision_is_told_beneath_it(paged: Paged) -> None:
    refused = Pin({}, PinnedBy.FAILURE, PinnedUntil.NEWER, refused_version=5, reason="it died", since=START - 9)
    hold = Pin(
        {},
        PinnedBy.OPERATOR,
        PinnedUntil.TIME,
        reason="4711",
        since=START,
        until_at=START + 60,
        who="ada",
        under=refused,
    )
    paged.board.expect(target("app"), dataclasses.replace(FULL, pin=hold))
    targets = paged.read()["targets"]
    assert isinstance(targets, list)
    assert targets[0]["state"] == "held"
    assert targets[0]["hold"] == {
        "since": "2023-11-14T22:13:20.000Z",
        "until": "2023-11-14T22:14:20.000Z",
        "by": "ada",
        "reason": "4711",
        "rollback": None,
        "is_reached": True,
    }
    skipped = targets[0]["skipped"]
    assert (skipped["version"], skipped["reason"], skipped["since"]) == (5, "it died", "2023-11-14T22:13:11.000Z")


def test_an_order_without_an_agent_is_put_into_the_page_that_is_there(paged: Paged) -> None:
    amend(paged.board, runtime_dir=str(paged.path.parent))
    assert not paged.path.exists()
    paged.board.expect(target("app"), FULL)
    paged.board.expect(target("other"), FULL)
    paged.board.settled(Outcome("app", Result.UNCHANGED, "InSync", 0.1), FULL)
    before = paged.read()["targets"]
    alone = Board(paged.clock, stale_after_s=900.0)
    hold = Pin({}, PinnedBy.OPERATOR, PinnedUntil.RESUME, since=START)
    alone.expect(target("app"), dataclasses.replace(FULL, pin=hold))
    amend(alone, runtime_dir=str(paged.path.parent))
    after = json.loads(paged.path.read_text())["targets"]
    assert isinstance(before, list)
    assert after[1] == before[1]
    assert (after[0]["state"], after[0]["conditions"]) == ("held", before[0]["conditions"])
    assert after[0]["current_as_of"] == before[0]["current_as_of"]
    paged.path.write_text("no status")
    amend(alone, runtime_dir=str(paged.path.parent))
    assert paged.path.read_text() == "no status"
