"""What happens to a target, rule by rule: what is wanted, what is there, what was written before."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.model import (
    AbsolutePath,
    Attempt,
    Digest,
    FileState,
    Missing,
    OnDrift,
    OnFirstSync,
    Pin,
    PinnedBy,
    PinnedUntil,
    Present,
    Record,
)
from config_sync.plan import Action, Plan, Reason, Story, Wanted, attempting, make_plan, published, told

A = AbsolutePath("/etc/app/a")
B = AbsolutePath("/etc/app/b")
V1, V2, EDIT = Digest("v1"), Digest("v2"), Digest("edit")
TOLD = Record(written={A: V1}, reloaded={A: V1}, written_at=10.0, reloaded_at=11.0)
"""The first version was written, and the consumer knows."""


def wanted(digest: Digest = V1, path: AbsolutePath = A, *, uid: int | None = None, gid: int | None = None) -> Wanted:
    return Wanted(path, digest, 0o640, uid, gid)


def there(digest: Digest = V1, *, mode: int = 0o640, has_acl: bool = False) -> Present:
    return Present(digest, mode, 1000, 2000, 5, has_acl)


def plan_for(
    want: Wanted,
    state: FileState,
    record: Record,
    *,
    has_reload: bool = True,
    on_drift: OnDrift = OnDrift.RESTORE,
    on_first_sync: OnFirstSync = OnFirstSync.AUTO,
) -> Plan:
    return make_plan(
        [want],
        {want.path: state},
        record=record,
        has_reload=has_reload,
        on_drift=on_drift,
        on_first_sync=on_first_sync,
    )


@pytest.mark.parametrize(
    ("want", "state", "record", "action", "reason", "owed"),
    [
        pytest.param(wanted(), Missing(), Record(), Action.WRITE, Reason.MISSING, True, id="nothing_there"),
        pytest.param(wanted(), Missing(), TOLD, Action.WRITE, Reason.MISSING, True, id="somebody_removed_it"),
        pytest.param(wanted(), there(), Record(), Action.NOTHING, Reason.IN_SYNC, False, id="adopted"),
        pytest.param(wanted(), there(EDIT), Record(), Action.WRITE, Reason.OUTDATED, True, id="first_over_other"),
        pytest.param(wanted(V2), there(V1), TOLD, Action.WRITE, Reason.OUTDATED, True, id="newer_version"),
        pytest.param(wanted(V1), there(EDIT), TOLD, Action.WRITE, Reason.DRIFTED, True, id="edited"),
        pytest.param(wanted(V2), there(EDIT), TOLD, Action.WRITE, Reason.OUTDATED, True, id="edited_and_newer"),
        pytest.param(wanted(), there(), TOLD, Action.NOTHING, Reason.IN_SYNC, False, id="right_and_told"),
        pytest.param(wanted(V2), there(V2), TOLD, Action.NOTHING, Reason.IN_SYNC, True, id="right_but_not_by_us"),
    ],
)
def test_one_file(want: Wanted, state: FileState, record: Record, action: Action, reason: Reason, owed: bool) -> None:
    plan = plan_for(want, state, record)
    assert [(one.action, one.reason) for one in plan.files] == [(action, reason)]
    assert plan.reload_owed is owed
    assert plan.reason is reason


@pytest.mark.parametrize(
    ("want", "state", "is_repaired"),
    [
        pytest.param(wanted(), there(mode=0o600), True, id="mode"),
        pytest.param(wanted(), there(has_acl=True), True, id="acl"),
        pytest.param(wanted(uid=1), there(), True, id="owner"),
        pytest.param(wanted(gid=1), there(), True, id="group"),
        pytest.param(wanted(uid=1000, gid=2000), there(), False, id="all_as_wanted"),
        pytest.param(wanted(), there(), False, id="owner_and_group_left_open"),
    ],
)
def test_attributes_are_repaired_without_a_reload(want: Wanted, state: Present, is_repaired: bool) -> None:
    plan = plan_for(want, state, TOLD)
    assert plan.repairs == ((A,) if is_repaired else ())
    assert plan.reason is (Reason.MODE_DIFFERS if is_repaired else Reason.IN_SYNC)
    assert not plan.writes
    assert not plan.reload_owed


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE])
def test_a_tolerated_edit_is_left_alone_and_makes_nothing_pending(on_drift: OnDrift) -> None:
    plan = plan_for(wanted(), there(EDIT, mode=0o600), TOLD, on_drift=on_drift)
    assert [(one.action, one.reason) for one in plan.files] == [(Action.NOTHING, Reason.DRIFT_TOLERATED)]
    assert not plan.reload_owed
    after = published(TOLD, [wanted()], plan, story=Story(), at=20.0)
    assert after.written == {A: V1}
    assert not after.reload_owed


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE])
def test_a_newer_version_replaces_an_edit_that_was_tolerated(on_drift: OnDrift) -> None:
    assert plan_for(wanted(V2), there(EDIT), TOLD, on_drift=on_drift).writes == (A,)


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE])
def test_an_edit_is_tolerated_while_the_reload_of_what_was_published_is_still_owed(on_drift: OnDrift) -> None:
    attempt = Attempt(digests={A: V1}, kept={}, is_published=True)
    record = Record(written={A: V1}, reloaded={}, attempting=attempt)
    plan = plan_for(wanted(), there(EDIT), record, on_drift=on_drift)
    assert [(one.action, one.reason) for one in plan.files] == [(Action.NOTHING, Reason.DRIFT_TOLERATED)]
    assert plan.reload_owed


@pytest.mark.parametrize("on_drift", OnDrift)
def test_what_an_unfinished_publish_left_is_no_edit(on_drift: OnDrift) -> None:
    """Killed after publishing v2; then the service went back to v1."""
    record = attempting(TOLD, Attempt(digests={A: V2}, kept={}))
    plan = plan_for(wanted(V1), there(V2), record, on_drift=on_drift)
    assert [(one.action, one.reason) for one in plan.files] == [(Action.WRITE, Reason.OUTDATED)]
    assert plan.reload_owed


def test_a_target_without_a_reload_owes_none_and_forgets_what_was_owed_before() -> None:
    record = Record(written={A: V1}, reloaded={}, attempting=Attempt(digests={A: V1}, kept={}))
    plan = plan_for(wanted(V2), there(V1), record, has_reload=False)
    assert not plan.reload_owed
    assert not published(record, [wanted(V2)], plan, story=Story(), at=20.0).reload_owed


@pytest.mark.parametrize(
    ("on_first_sync", "owed"), [(OnFirstSync.AUTO, True), (OnFirstSync.RELOAD, True), (OnFirstSync.SKIP, False)]
)
def test_the_first_file_ever_written(on_first_sync: OnFirstSync, owed: bool) -> None:
    plan = plan_for(wanted(), Missing(), Record(), on_first_sync=on_first_sync)
    assert plan.is_first_sync
    assert plan.reload_owed is owed
    assert published(Record(), [wanted()], plan, story=Story(), at=20.0).reload_owed is owed


def test_skip_is_for_the_first_sync_only() -> None:
    plan = plan_for(wanted(V2), there(V1), TOLD, on_first_sync=OnFirstSync.SKIP)
    assert not plan.is_first_sync
    assert plan.reload_owed


def test_an_unfinished_first_publish_is_no_first_sync_any_more() -> None:
    record = attempting(Record(), Attempt(digests={A: V1}, kept={}))
    plan = plan_for(wanted(), there(), record)
    assert not plan.is_first_sync
    assert plan.reload_owed


def test_several_files_the_weightiest_reason_names_the_pass_and_only_the_changed_are_written() -> None:
    record = Record(written={A: V1, B: V1}, reloaded={A: V1, B: V1})
    plan = make_plan(
        [wanted(V1, A), wanted(V2, B)], {A: there(mode=0o600), B: there(V1)}, record=record, has_reload=True
    )
    assert (plan.repairs, plan.writes) == ((A,), (B,))
    assert plan.reason is Reason.OUTDATED


def test_a_file_that_is_new_in_the_settings_and_right_on_disk_is_adopted() -> None:
    plan = make_plan([wanted(V1, A), wanted(V1, B)], {A: there(), B: there()}, record=TOLD, has_reload=True)
    assert not plan.reload_owed
    after = published(TOLD, [wanted(V1, A), wanted(V1, B)], plan, story=Story(), at=20.0)
    assert after.written == after.reloaded == {A: V1, B: V1}


def test_a_file_that_left_the_settings_is_forgotten_without_a_reload() -> None:
    record = Record(written={A: V1, B: V1}, reloaded={A: V1, B: V1})
    plan = plan_for(wanted(), there(), record)
    after = published(record, [wanted()], plan, story=Story(), at=20.0)
    assert after.written == {A: V1}
    assert not after.reload_owed


def test_the_story_moves_with_the_version_and_keeps_the_one_before() -> None:
    plan = plan_for(wanted(V2), there(V1), TOLD)
    first = dataclasses.replace(TOLD, version=4)
    second = published(first, [wanted(V2)], plan, story=Story(5, "r5", 7, 99.0), at=20.0)
    assert (second.version, second.previous_version, second.revision) == (5, 4, "r5")
    assert (second.changed_by, second.saved_at, second.written_at) == (7, 99.0, 20.0)
    again = published(second, [wanted(V2)], plan_for(wanted(V2), there(V2), second), story=Story(5, "r5"), at=30.0)
    assert (again.version, again.previous_version) == (5, 4)


def test_written_at_stays_where_nothing_was_written_and_moves_after_an_unfinished_publish() -> None:
    still = published(TOLD, [wanted()], plan_for(wanted(), there(), TOLD), story=Story(), at=20.0)
    assert still.written_at == 10.0
    crashed = attempting(TOLD, Attempt(digests={A: V2}, kept={}))
    healed = published(crashed, [wanted(V2)], plan_for(wanted(V2), there(V2), crashed), story=Story(), at=20.0)
    assert healed.written_at == 20.0
    assert healed.attempting is not None
    assert healed.attempting.is_published


def test_once_told_nothing_is_owed() -> None:
    after = told(Record(written={A: V2}, reloaded={A: V1}, attempting=Attempt({A: V2}, {}, True)), at=30.0)
    assert after.reloaded == {A: V2}
    assert after.attempting is None
    assert after.reloaded_at == 30.0
    assert not after.reload_owed


PIN = Pin({A: V1}, PinnedBy.FAILURE, PinnedUntil.NEWER, refused={A: V2}, refused_version=2)
PINNED = dataclasses.replace(TOLD, pin=PIN)


@pytest.mark.parametrize(
    ("want", "state", "action", "is_refused"),
    [
        pytest.param(wanted(V2), there(V1), Action.NOTHING, True, id="the_refused_one"),
        pytest.param(wanted(V2), there(V1, mode=0o600), Action.FIX_METADATA, True, id="with_another_mode"),
        pytest.param(wanted(V2), there(EDIT), Action.NOTHING, True, id="with_an_edit"),
        pytest.param(wanted(V2), Missing(), Action.WRITE, False, id="nothing_to_stand_on"),
        pytest.param(wanted(Digest("v3")), there(V1), Action.WRITE, False, id="a_newer_one"),
        pytest.param(wanted(V1), there(V1), Action.NOTHING, False, id="the_one_before_again"),
    ],
)
def test_a_pin_by_failure_skips_one_revision(want: Wanted, state: FileState, action: Action, is_refused: bool) -> None:
    plan = plan_for(want, state, PINNED)
    assert (plan.files[0].action, plan.is_refused) == (action, is_refused)
    assert plan.pin == (PIN if is_refused else None)
    moved = published(PINNED, [want], plan, story=Story(version=9), at=20.0)
    assert moved.pin == plan.pin
    assert moved.version == (None if is_refused else 9)


def test_a_pass_about_the_record_alone_ends_no_pin() -> None:
    plan = make_plan([wanted(V1)], {A: there(V1)}, record=PINNED, has_reload=True, is_compared=False)
    assert (plan.pin, plan.is_refused, plan.reload_owed) == (PIN, False, False)
    assert published(PINNED, [wanted(V1)], plan, story=Story(), at=20.0).pin == PIN
