"""From an outcome to the next look: which wake, and how long until it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from config_sync.agent.settle import EAGER_S, Again, Pace
from config_sync.backoff import Backoff
from config_sync.errors import (
    CheckNotRunnable,
    CheckRejected,
    DecryptFailed,
    EmptyRefused,
    FileError,
    NotFound,
    ReloadFailed,
    RenderRefused,
    ServiceUnavailable,
    SyncError,
    TlsFailed,
    Unauthorized,
)
from config_sync.model import ChangeEvent, Digest, Outcome, Record, ReloadResult, Result
from config_sync.workqueue import Wake

RESYNC_S = 300.0
OWED = Record(written={"/a": Digest("v2")}, reloaded={"/a": Digest("v1")}, version=2)
TOLD = Record(written={"/a": Digest("v2")}, reloaded={"/a": Digest("v2")}, version=2)
LATE = EAGER_S + 1.0


def pace(chance: Callable[[], float] = lambda: 1.0) -> Pace:
    """With the shipped numbers; chance always draws the longest delay unless it is given."""
    return Pace(retry=Backoff(0.5, 5.0), reconnect=Backoff(5.0, 60.0), resync_s=RESYNC_S, started_at=0.0, chance=chance)


def failed(error: SyncError) -> Outcome:
    return Outcome("app", Result.FAILED, error.reason, 0.1, error=error)


def fine(result: Result = Result.UNCHANGED, reload: ReloadResult | None = None) -> Outcome:
    return Outcome("app", result, "InSync", 0.1, reload=reload)


def after(
    paced: Pace,
    outcome: Outcome,
    *wakes: Wake,
    now: float = LATE,
    hint: ChangeEvent | None = None,
    record: Record = TOLD,
) -> Again:
    again = paced.after(outcome, wakes=frozenset(wakes or {Wake.RETRY}), hint=hint, record=record, now=now)
    return Again(round(again.in_s, 6), again.wake)


def test_a_success_is_compared_again_at_the_resync_give_or_take_a_fifth() -> None:
    assert after(pace(lambda: 0.0), fine()) == Again(RESYNC_S * 0.8, Wake.RESYNC)
    assert after(pace(lambda: 1.0), fine()) == Again(RESYNC_S * 1.2, Wake.RESYNC)


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("x"), FileError("x"), CheckNotRunnable("x")], ids=["service", "file", "checker"]
)
def test_what_heals_is_tried_quickly_in_the_first_half_minute_and_patiently_afterwards(error: SyncError) -> None:
    paced = pace()
    eager = [after(paced, failed(error), now=float(number)).in_s for number in range(6)]
    assert eager == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    patient = [after(paced, failed(error), now=LATE + number) for number in range(6)]
    assert [again.in_s for again in patient] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert {again.wake for again in patient} == {Wake.RETRY}


def test_a_success_starts_the_delays_over() -> None:
    paced = pace()
    for _ in range(4):
        after(paced, failed(ServiceUnavailable("x")))
    after(paced, fine())
    assert after(paced, failed(ServiceUnavailable("x"))).in_s == 5.0


def test_retry_after_is_a_floor_with_a_spread_on_top() -> None:
    again = after(pace(lambda: 0.5), failed(ServiceUnavailable("x", retry_after_s=120.0)))
    assert again == Again(122.5, Wake.RETRY)


@pytest.mark.parametrize(
    "error",
    [Unauthorized("x"), NotFound("x"), TlsFailed("x"), DecryptFailed("x")],
    ids=["unauthorized", "not_found", "tls", "decrypt"],
)
@pytest.mark.parametrize("now", [1.0, LATE], ids=["early", "late"])
def test_where_a_person_must_act_the_delay_is_long_from_the_start(error: SyncError, now: float) -> None:
    assert after(pace(lambda: 0.0), failed(error), now=now) == Again(30.0, Wake.RETRY)
    assert after(pace(lambda: 1.0), failed(error), now=now) == Again(60.0, Wake.RETRY)


@pytest.mark.parametrize(
    "error", [RenderRefused("x"), EmptyRefused("x"), CheckRejected("x")], ids=["render", "empty", "check"]
)
def test_what_needs_a_new_version_waits_for_the_resync(error: SyncError) -> None:
    assert after(pace(), failed(error), now=1.0) == Again(RESYNC_S * 1.2, Wake.RESYNC)


def test_a_rejected_version_does_not_stop_the_retries_of_the_reload_of_the_one_before() -> None:
    again = after(pace(), failed(CheckRejected("x")), Wake.EVENT, record=OWED)
    assert again.wake is Wake.RELOAD_RETRY
    assert again.in_s <= 60.0


def test_a_failed_reload_is_tried_alone_with_growing_delays() -> None:
    paced = pace()
    agains = [after(paced, failed(ReloadFailed("x")), Wake.RELOAD_RETRY, record=OWED) for _ in range(3)]
    assert [again.wake for again in agains] == [Wake.RELOAD_RETRY] * 3
    assert [again.in_s for again in agains] == [5.0, 10.0, 20.0]


@pytest.mark.parametrize(
    "outcome",
    [failed(ReloadFailed("x")), fine(reload=ReloadResult.WAITING_FOR_CONSUMER)],
    ids=["reload_fails", "consumer_away"],
)
def test_reload_retries_do_not_put_the_full_compare_off(outcome: Outcome) -> None:
    paced = pace()
    now, wakes = LATE, [Wake.EVENT]
    compared: list[float] = []
    while now < LATE + 1000.0:
        outcome = replace(outcome, is_compared=wakes != [Wake.RELOAD_RETRY])
        again = paced.after(outcome, wakes=frozenset(wakes), hint=None, record=OWED, now=now)
        if again.wake is Wake.RECHECK:
            again = paced.after(outcome, wakes=frozenset({Wake.RECHECK}), hint=None, record=OWED, now=now)
            wakes = [Wake.RESYNC]
            continue
        now, wakes = now + again.in_s, [again.wake]
        if again.wake is Wake.RESYNC:
            compared.append(now)
    assert len(compared) >= 2


def test_a_look_at_the_disk_that_found_it_right_keeps_the_appointment() -> None:
    paced = pace()
    retry = after(paced, failed(ServiceUnavailable("refused")), Wake.START, now=LATE)
    aside = replace(fine(), is_compared=False)
    again = paced.after(aside, wakes=frozenset({Wake.FILES}), hint=None, record=OWED, now=LATE + 0.5)
    assert again.wake is Wake.RETRY
    assert again.in_s == pytest.approx(retry.in_s - 0.5)


def test_an_absent_consumer_is_looked_for_more_and_more_rarely_and_afresh_after_it_was_found() -> None:
    paced = pace()
    waiting = fine(reload=ReloadResult.WAITING_FOR_CONSUMER)
    delays = [after(paced, waiting, Wake.RELOAD_RETRY, record=OWED).in_s for _ in range(6)]
    assert delays == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    after(paced, fine(reload=ReloadResult.ALREADY_CURRENT), Wake.RELOAD_RETRY)
    assert after(paced, waiting, Wake.RELOAD_RETRY, record=OWED).in_s == 2.0


def test_a_first_sync_that_owes_nothing_to_an_absent_consumer_does_not_look_for_it() -> None:
    again = after(pace(), fine(reload=ReloadResult.WAITING_FOR_CONSUMER), Wake.START, record=TOLD)
    assert again.wake is Wake.RESYNC


def test_an_event_that_brought_nothing_is_looked_for_four_times_more() -> None:
    paced = pace(lambda: 0.5)
    agains = [after(paced, fine(), Wake.EVENT)]
    while agains[-1].wake is Wake.RECHECK:
        agains.append(after(paced, fine(), Wake.RECHECK))
    assert [again.in_s for again in agains] == [0.25, 1.0, 4.0, 15.0, RESYNC_S]


def test_an_event_of_the_version_on_disk_needs_no_second_look() -> None:
    assert after(pace(), fine(), Wake.EVENT, hint=ChangeEvent("app", version=2)).wake is Wake.RESYNC


def test_a_change_needs_no_second_look() -> None:
    assert after(pace(), fine(Result.CHANGED), Wake.EVENT).wake is Wake.RESYNC


def test_a_hold_that_is_over_and_cannot_be_taken_off_the_record_is_no_busy_loop() -> None:
    paced = pace()
    delays = [
        paced.after(
            failed(FileError("x")), wakes=frozenset({Wake.HOLD}), hint=None, record=TOLD, now=LATE, hold_left_s=-1.0
        ).in_s
        for _ in range(3)
    ]
    assert delays == [5.0, 10.0, 20.0]


@pytest.mark.parametrize(("left_s", "looked"), [(2.0, Again(2.0, Wake.HOLD)), (600.0, Again(5.0, Wake.RETRY))])
def test_a_hold_that_ends_before_the_next_try_is_looked_at_then(left_s: float, looked: Again) -> None:
    again = pace().after(
        failed(FileError("x")), wakes=frozenset({Wake.HOLD}), hint=None, record=TOLD, now=LATE, hold_left_s=left_s
    )
    assert again == looked


def test_a_hold_that_ended_since_the_pass_is_looked_at_once_more() -> None:
    again = pace().after(fine(), wakes=frozenset({Wake.HOLD}), hint=None, record=TOLD, now=LATE, hold_left_s=-0.1)
    assert again == Again(0.0, Wake.HOLD)
