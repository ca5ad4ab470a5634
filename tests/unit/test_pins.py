"""How a record moves when an operator holds, resumes and rolls back; and what the plan makes of it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.model import Attempt, Digest, FileState, Hold, Missing, OnDrift, Pin, PinnedBy, PinnedUntil, Record
from config_sync.pins import brought_back, given_up, going_to, held, is_return, resumed
from config_sync.plan import Action, Reason, Story, attempting, make_plan, published
from tests.unit.test_plan import EDIT, TOLD, V1, V2, A, there, wanted

FAILED = Pin({A: V1}, PinnedBy.FAILURE, PinnedUntil.NEWER, refused={A: V2}, refused_version=2)
OFFLINE = Pin({A: V1}, PinnedBy.OFFLINE, PinnedUntil.NEWER, from_cache_since=5.0)
below = pytest.mark.parametrize("pin", [None, FAILED, OFFLINE], ids=["alone", "over_a_failure", "over_an_outage"])


@below
def test_what_a_hold_lies_on_holds_again_after_it(pin: Pin | None) -> None:
    before = dataclasses.replace(TOLD, pin=pin)
    after = held(held(before, Hold(60.0, "a look", "ada"), at=10.0), Hold(), at=20.0)
    assert after.hold is not None
    assert (after.is_frozen, after.hold.since, after.hold.until_at) == (True, 20.0, None)
    assert after.skipping == (pin if pin is FAILED else None)
    assert after.from_cache_since == before.from_cache_since
    assert resumed(after) == before


def test_a_hold_with_a_time_is_over_then_and_not_before() -> None:
    hold = held(TOLD, Hold(60.0), at=10.0).hold
    assert hold is not None
    assert [hold.is_over(at) for at in (10.0, 69.9, 70.0, 1e9)] == [False, False, True, True]
    assert not FAILED.is_over(1e9)


@below
def test_a_rollback_arrives_and_is_held_or_is_given_up_and_all_is_as_before(pin: Pin | None) -> None:
    for before in (dataclasses.replace(TOLD, pin=pin), held(dataclasses.replace(TOLD, pin=pin), Hold(9.0), at=1.0)):
        begun = going_to(before, {"app": "abc"}, reason="back", who="ada", at=10.0)
        again = going_to(begun, {"app": "def"}, reason="further", who="ada", at=11.0)
        assert not begun.is_frozen
        assert given_up(begun) == before
        assert given_up(again) == before
        plan = make_plan([wanted(V2)], {A: there(V1)}, record=begun, has_reload=True)
        assert (plan.is_rollback, plan.files[0].action, plan.reason) == (True, Action.WRITE, Reason.ROLLED_BACK)
        kept = attempting(begun, Attempt({A: V2}, {}))
        assert kept.hold == begun.hold, "it outlives the publish that it asked for"
        arrived = published(kept, [wanted(V2)], plan, story=Story(version=1), at=12.0)
        assert arrived.is_frozen
        assert (arrived.reload_owed, arrived.version) == (True, 1)
        assert resumed(arrived).pin == (None if pin is None else dataclasses.replace(pin, digests={A: V2}))


@below
def test_a_hold_over_a_rollback_that_is_given_up_holds_what_is_there(pin: Pin | None) -> None:
    before = dataclasses.replace(TOLD, pin=pin)
    begun = going_to(before, {"app": "abc"}, reason="back", who="ada", at=10.0)
    asked = held(begun, Hold(60.0, "a look", "bob"), at=20.0)
    assert not asked.is_frozen, "it arrives first"
    after = given_up(asked)
    assert after.hold is not None
    assert (after.is_frozen, after.hold.who, after.hold.until_at, dict(after.hold.to)) == (True, "bob", 80.0, {})
    assert resumed(after) == before
    again = held(asked, Hold(None, "longer", "eve"), at=30.0)
    assert (again.hold and again.hold.to, given_up(again).hold) == ({"app": "abc"}, again.hold and again.hold.under)
    assert resumed(given_up(again)) == before


def test_only_what_a_hold_had_left_there_is_brought_back() -> None:
    frozen = held(TOLD, Hold(), at=10.0)
    returning = brought_back(frozen, {"app": "abc"}).hold
    rollback = going_to(frozen, {"app": "abc"}, reason="back", who=None, at=20.0).hold
    assert [one is not None and is_return(one) for one in (returning, rollback, frozen.hold)] == [True, False, False]


def test_files_that_are_gone_are_brought_back_under_the_same_hold() -> None:
    before = held(TOLD, Hold(60.0, "a look", "ada"), at=10.0)
    begun = brought_back(before, {"app": "abc"})
    assert not begun.is_frozen
    assert given_up(begun) == before
    plan = make_plan([wanted(V1)], {A: Missing()}, record=begun, has_reload=True)
    after = published(attempting(begun, Attempt({A: V1}, {})), [wanted(V1)], plan, story=Story(), at=12.0)
    assert after.hold is not None
    assert (after.is_frozen, after.hold.reason, after.hold.until_at, after.hold.under) == (True, "a look", 70.0, None)


def test_a_pass_about_the_record_alone_is_not_the_rollback() -> None:
    begun = going_to(TOLD, {"app": "abc"}, reason="back", who=None, at=10.0)
    plan = make_plan([wanted(V1)], {A: there(V1)}, record=begun, has_reload=True, is_compared=False)
    assert not plan.is_rollback
    assert published(begun, [wanted(V1)], plan, story=Story(), at=12.0).hold == begun.hold


def test_a_rollback_undoes_an_edit_that_would_be_tolerated() -> None:
    begun = going_to(TOLD, {"app": "abc"}, reason="back", who=None, at=10.0)
    plan = make_plan([wanted(V1)], {A: there(EDIT)}, record=begun, has_reload=True, on_drift=OnDrift.IGNORE)
    assert plan.files[0].action is Action.WRITE


states = st.one_of(
    st.just(Missing()), st.builds(there, st.sampled_from([V1, V2, EDIT]), mode=st.sampled_from([0o600, 0o640]))
)
digests = st.dictionaries(st.just(str(A)), st.sampled_from([V1, V2]))


@given(
    state=states,
    want=st.sampled_from([V1, V2]),
    record=st.builds(Record, digests, digests),
    pin=st.sampled_from([None, FAILED, OFFLINE]),
    on_drift=st.sampled_from(OnDrift),
    is_compared=st.booleans(),
)
def test_of_what_is_held_nothing_is_ever_touched(
    state: FileState, want: Digest, record: Record, pin: Pin | None, on_drift: OnDrift, is_compared: bool
) -> None:
    frozen = held(dataclasses.replace(record, pin=pin), Hold(), at=1.0)
    plan = make_plan(
        [wanted(want)], {A: state}, record=frozen, has_reload=True, on_drift=on_drift, is_compared=is_compared
    )
    assert (plan.writes, plan.repairs, plan.reason) == ((), (), Reason.HELD)
    assert (plan.pin, plan.reload_owed) == (frozen.pin, record.reload_owed)
