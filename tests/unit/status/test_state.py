"""The one word for a target: the first of the list that applies, and never for a foreign reason."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from config_sync.errors import (
    CheckNotRunnable,
    CheckRejected,
    CredentialError,
    DecryptFailed,
    DocumentRefused,
    EmptyRefused,
    FileError,
    NotFound,
    ReloadFailed,
    RenderRefused,
    RolledBack,
    ServiceUnavailable,
    SyncError,
    TlsFailed,
    Unauthorized,
    UnexpectedResponse,
)
from config_sync.status.state import Facts, State, state_of

FINE = Facts(
    error=None,
    is_written=True,
    is_reload_pending=False,
    is_newer_known=False,
    current_as_of=1000.0,
    stale_after_s=900.0,
    now=1000.0,
)


def given(**changes: object) -> State:
    return state_of(dataclasses.replace(FINE, **changes))  # type: ignore[arg-type]  # names of Facts' own fields


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({}, State.SYNCED, id="synced"),
        pytest.param({"now": 1900.0}, State.SYNCED, id="not_stale_yet"),
        pytest.param({"now": 1900.1}, State.STALE, id="stale"),
        pytest.param({"current_as_of": None}, State.STALE, id="never_confirmed_by_this_process"),
        pytest.param({"is_newer_known": True}, State.PENDING, id="newer_known"),
        pytest.param({"is_written": False}, State.PENDING, id="nothing_written"),
        pytest.param({"is_reload_pending": True}, State.RELOAD_PENDING, id="reload_pending"),
        pytest.param({"error": FileError("x")}, State.FAILED, id="write_failed"),
        pytest.param({"error": CheckNotRunnable("x")}, State.FAILED, id="checker_missing"),
        pytest.param({"error": ReloadFailed("x"), "is_reload_pending": True}, State.RELOAD_PENDING, id="reload_failed"),
        pytest.param({"error": RolledBack("x")}, State.REJECTED, id="rolled_back"),
        pytest.param({"is_held": True}, State.HELD, id="held"),
        pytest.param({"is_held": True, "error": FileError("x"), "is_written": False}, State.HELD, id="held_before_all"),
        pytest.param({"is_refused": True}, State.REJECTED, id="rolled_back_before_this_start"),
        pytest.param({"error": ServiceUnavailable("x"), "is_refused": True}, State.REJECTED, id="and_service_away"),
        pytest.param(
            {"error": ReloadFailed("x"), "is_refused": True, "is_reload_pending": True},
            State.RELOAD_PENDING,
            id="rolled_back_and_not_told",
        ),
        pytest.param({"error": FileError("x"), "is_refused": True}, State.FAILED, id="rollback_under_way_failed"),
    ],
)
def test_each_state(changes: dict[str, object], state: State) -> None:
    assert given(**changes) is state


@pytest.mark.parametrize(
    "error",
    [DecryptFailed("x"), DocumentRefused("x"), EmptyRefused("x"), RenderRefused("x"), CheckRejected("x")],
    ids=lambda error: type(error).__name__,
)
def test_a_refused_newest_is_rejected_with_the_last_good_on_disk_and_pending_without(error: SyncError) -> None:
    assert given(error=error) is State.REJECTED
    assert given(error=error, is_written=False) is State.PENDING


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailable("x"),
        TlsFailed("x"),
        UnexpectedResponse("x"),
        Unauthorized("x"),
        NotFound("x"),
        CredentialError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_service_that_is_away_or_says_no_never_makes_it_failed(error: SyncError) -> None:
    assert given(error=error) is State.SYNCED
    assert given(error=error, now=5000.0) is State.STALE
    assert given(error=error, is_written=False) is State.PENDING


def test_the_order_is_that_of_the_contract() -> None:
    """Whatever comes together, the earlier word wins."""
    causes: dict[State, dict[str, object]] = {
        State.RELOAD_PENDING: {"is_reload_pending": True},
        State.PENDING: {"is_newer_known": True},
        State.STALE: {"now": 5000.0},
    }
    order = list(State)
    for several in itertools.chain.from_iterable(itertools.combinations(causes, size) for size in (1, 2, 3)):
        facts = {key: value for state in several for key, value in causes[state].items()}
        assert given(**facts) is min(several, key=order.index)
        assert given(error=CheckRejected("x"), **facts) is State.REJECTED
        assert given(error=FileError("x"), **facts) is State.FAILED


def test_every_state_has_a_meaning() -> None:
    assert all(state.meaning for state in State)
