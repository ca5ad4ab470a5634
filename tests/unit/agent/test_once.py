"""One full sync: what is tried again and for how long, and which exit code is the answer."""

from __future__ import annotations

import dataclasses
import os

import pytest

from config_sync.errors import (
    DecryptFailed,
    Exit,
    FileError,
    Forbidden,
    NotFound,
    ReloadFailed,
    Stopped,
    SyncError,
    TlsFailed,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.model import AbsolutePath, ConfigRef, OnFailure, Probing, ReloadResult
from tests.fake_probe import FakeProbe
from tests.fakes import unavailable
from tests.unit.agent.running_once import Once


def test_all_targets_are_written_and_told_about_once(once: Once) -> None:
    for name in ("a", "b"):
        once.service.put(name, {"v": 1})
    assert once.run(once.target("a"), once.target("b")) == Exit.DONE
    assert sorted(os.listdir(once.etc)) == ["a.json", "b.json"]
    assert once.told == [("a", None), ("b", None)]
    assert once.stop.waits == []
    assert len(once.reload.orders) == 2


def test_targets_of_one_config_share_its_fetch_and_a_retry_fetches_anew(once: Once) -> None:
    shared = once.target("shared")
    twin_spec = dataclasses.replace(shared.files[0], path=AbsolutePath(f"{once.etc}/twin.json"))
    twin = dataclasses.replace(shared, name="twin", files=(twin_spec,))
    once.service.put("shared", {"v": 1})
    once.service.fail("shared", unavailable(), unavailable())
    assert once.run(shared, twin) == Exit.DONE
    assert len(once.service.fetches) == 3
    assert sorted(os.listdir(once.etc)) == ["shared.json", "twin.json"]


def test_an_unreachable_service_is_tried_until_the_deadline_and_a_last_time_at_it(once: Once) -> None:
    once.service.outage = unavailable()
    assert once.run(once.target("app"), retry_for_s=30.0) == Exit.SERVICE
    assert once.clock.passed_s == pytest.approx(30.0)
    assert once.stop.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0, 2.5]
    assert len(once.service.fetches) == 10
    assert once.told[-1] == ("app", None)


def test_a_service_that_comes_back_just_before_the_deadline_is_not_missed(once: Once) -> None:
    once.service.put("app", {"v": 1})
    once.service.outage = unavailable()

    def heal(_: ConfigRef) -> None:
        if once.clock.passed_s >= 9.9:
            once.service.outage = None

    once.service.on_fetch = heal
    assert once.run(once.target("app"), retry_for_s=10.0) == Exit.DONE
    assert once.clock.passed_s == pytest.approx(10.0)


def test_without_time_to_retry_every_target_is_still_attempted_once(once: Once) -> None:
    once.service.outage = unavailable()
    targets = [once.target(f"t{number}") for number in range(5)]
    assert once.run(*targets, retry_for_s=0.0) == Exit.SERVICE
    assert len(once.service.fetches) == 5
    assert once.stop.waits == []


def test_retry_after_is_a_floor_but_never_beyond_the_deadline(once: Once) -> None:
    once.service.outage = unavailable(retry_after_s=20.0)
    once.run(once.target("app"), retry_for_s=30.0, chance=0.0)
    assert once.stop.waits == [20.0, 10.0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(Unauthorized("401"), Exit.UNAUTHORIZED, id="unauthorized"),
        pytest.param(Forbidden("403"), Exit.UNAUTHORIZED, id="forbidden"),
        pytest.param(NotFound("404"), Exit.NOT_FOUND, id="not_found"),
        pytest.param(TlsFailed("tls"), Exit.SERVICE, id="tls"),
        pytest.param(UnexpectedResponse("302"), Exit.SERVICE, id="redirect"),
        pytest.param(DecryptFailed("key"), Exit.DECRYPT, id="decrypt"),
    ],
)
def test_what_a_person_must_mend_is_final_at_once_and_the_others_go_on(
    once: Once, error: SyncError, code: Exit
) -> None:
    once.service.put("good", {"v": 1})
    once.service.fail("bad", error)
    once.service.fail("good", unavailable())
    assert once.run(once.target("bad"), once.target("good")) == code
    assert once.service.counts == {"bad": 1, "good": 2}
    assert (once.etc / "good.json").exists()
    assert once.told == [("bad", None), ("good", 0.5), ("good", None)]


def test_the_code_is_that_of_the_first_failing_required_target_in_settings_order(once: Once) -> None:
    once.service.fail("optional", NotFound("404"))
    once.service.fail("first", Unauthorized("401"))
    once.service.put("second", b"no json")
    targets = once.target("optional", is_required=False), once.target("first"), once.target("second")
    assert once.run(*targets) == Exit.UNAUTHORIZED
    once.service.fail("optional", NotFound("404"))
    once.service.put("first", {"v": 1})
    assert once.run(*targets) == Exit.DOCUMENT


def test_the_code_is_the_last_failure_of_that_target(once: Once) -> None:
    once.service.fail("app", unavailable(), unavailable(), NotFound("404"))
    assert once.run(once.target("app")) == Exit.NOT_FOUND


def test_a_failing_optional_target_is_no_failure(once: Once) -> None:
    assert once.run(once.target("app", is_required=False)) == Exit.DONE


def test_no_targets_are_done(once: Once) -> None:
    assert once.run() == Exit.DONE


@pytest.mark.parametrize(
    ("is_transient", "tries"), [(True, 2), (False, 1)], ids=["no_space_heals", "read_only_is_final"]
)
def test_a_write_error_is_tried_again_only_where_it_may_heal(once: Once, is_transient: bool, tries: int) -> None:
    once.service.put("app", {"v": 1})
    once.service.fail("app", FileError("no", step="write", transient=is_transient))
    assert once.run(once.target("app")) == (Exit.DONE if is_transient else Exit.WRITE)
    assert len(once.service.fetches) == tries


def test_a_missing_directory_is_a_write_failure(once: Once) -> None:
    once.service.put("app", {"v": 1})
    target = once.target("app")
    spec = dataclasses.replace(target.files[0], path=AbsolutePath(f"{once.etc}/none/app.json"))
    assert once.run(dataclasses.replace(target, files=(spec,))) == Exit.WRITE
    assert not list(once.etc.iterdir())


def test_a_failed_reload_is_tried_again_alone(once: Once) -> None:
    once.service.put("app", {"v": 1})
    once.reload.script.extend([ReloadFailed("no"), ReloadFailed("no")])
    assert once.run(once.target("app")) == Exit.DONE
    assert len(once.service.fetches) == 1
    assert len(once.reload.orders) == 3


def test_a_reload_that_never_works_is_11_and_stays_pending_for_the_next_run(once: Once) -> None:
    once.service.put("app", {"v": 1})
    once.reload.script.extend([ReloadFailed("no") for _ in range(10)])
    assert once.run(once.target("app")) == Exit.RELOAD
    assert len(once.service.fetches) == 1
    once.reload.script.clear()
    assert once.run(once.target("app")) == Exit.DONE
    assert once.sync.outcomes["app"].reload is ReloadResult.RELOADED


def test_no_reload_writes_and_leaves_it_pending(once: Once) -> None:
    once.service.put("app", {"v": 1})
    assert once.run(once.target("app"), may_reload=False) == Exit.DONE
    assert once.reload.orders == []
    assert once.board.statuses()[0].reload_pending
    assert once.run(once.target("app")) == Exit.DONE
    assert len(once.reload.orders) == 1


def test_a_stop_during_a_wait_ends_it_at_once(once: Once) -> None:
    once.service.outage = unavailable()
    with pytest.raises(Stopped):
        once.run(once.target("app"), stop_at_s=4.0)
    assert once.clock.passed_s == 4.0
    assert once.sync.outcomes["app"].error is not None


def test_a_stop_before_the_first_fetch_writes_nothing(once: Once) -> None:
    once.service.put("app", {"v": 1})
    once.service.on_fetch = lambda _: once.stop.set()
    with pytest.raises(Stopped):
        once.run(once.target("app"))
    assert not list(once.etc.iterdir())


def test_the_status_tells_how_it_went(once: Once) -> None:
    once.service.put("good", {"v": 1})
    once.run(once.target("good"), once.target("bad"), retry_for_s=0.0)
    assert [(one.target.name, one.state.value) for one in once.board.statuses()] == [
        ("good", "synced"),
        ("bad", "pending"),
    ]


def test_a_probe_that_never_holds_is_tried_again_until_the_deadline_and_is_11(once: Once) -> None:
    once.service.put("app", {"v": 1})
    probe = FakeProbe(otherwise=False)
    target = dataclasses.replace(once.target("app"), probe=Probing(probe, within_s=2.0))
    assert once.run(target, retry_for_s=30.0) == Exit.RELOAD
    assert 30.0 <= once.clock.passed_s <= 33.0
    assert len(once.reload.orders) > 2
    assert len(once.service.fetches) == 1
    probe.otherwise = True
    assert once.run(target) == Exit.DONE


def test_a_rolled_back_revision_is_11_at_once_and_stays_so(once: Once) -> None:
    once.service.put("app", {"v": 1})
    target = dataclasses.replace(once.target("app"), on_failure=OnFailure.ROLLBACK)
    assert once.run(target) == Exit.DONE
    once.service.put("app", {"v": 2})
    once.reload.script.append(ReloadFailed("it died"))
    for _ in range(2):
        assert once.run(target) == Exit.RELOAD
        assert once.clock.passed_s == 0.0
        assert once.told == [("app", None)]
        assert (once.etc / "app.json").read_bytes() == b'{"v": 1}'
    once.service.put("app", {"v": 3})
    assert once.run(target) == Exit.DONE
