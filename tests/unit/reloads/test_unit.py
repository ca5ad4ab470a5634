"""What a unit's state means. The outputs of systemctl are transcribed from a real systemd 252."""

from __future__ import annotations

import pytest

from config_sync.model import AbsolutePath, ReloadOrder, ReloadResult
from config_sync.reloads.unit import Decision, OwnUnit, Step, UnitState, decide, parse_show, unit_name, unit_of_cgroups

RUNNING = """Type=simple
Id=good.service
LoadState=loaded
ActiveState=active
SubState=running
InactiveExitTimestamp=Wed 2026-11-25 03:12:01 UTC
InvocationID=a2289640dcee42b9b33ba6304bec88e9
"""
STARTED_AT = 1795576321.0
STRANGER = OwnUnit("config-sync.service", "0" * 32)


def state(
    *,
    active: str = "active",
    sub: str = "running",
    load: str = "loaded",
    kind: str = "simple",
    at: float | None = 100.0,
) -> UnitState:
    return UnitState("app.service", kind, load, active, sub, at, "f" * 32)


def order(*, written_at: float | None = 1000.0, forced: bool = False) -> ReloadOrder:
    files = (AbsolutePath("/etc/app/a.yaml"),)
    return ReloadOrder("app", files, files, "outdated", written_at=written_at, forced=forced)


def test_the_properties_of_a_running_unit_are_read() -> None:
    assert parse_show(RUNNING) == UnitState(
        "good.service", "simple", "loaded", "active", "running", STARTED_AT, "a2289640dcee42b9b33ba6304bec88e9"
    )


def test_a_unit_that_never_ran_and_one_that_does_not_exist_are_told_apart() -> None:
    unknown = parse_show(
        "Type=\nId=nosuch.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n"
        "InactiveExitTimestamp=\nInvocationID=\n"
    )
    assert unknown.is_unknown
    assert unknown.left_inactive_at is None
    assert not state(active="inactive", sub="dead").is_unknown
    assert not state(load="not-found").is_unknown  # it runs, only its file is gone


@pytest.mark.parametrize(
    ("given", "action", "expected"),
    [
        pytest.param(state(), "try-reload-or-restart", Step.ACT, id="running"),
        pytest.param(state(active="reloading"), "reload", Step.ACT, id="reloading"),
        pytest.param(state(active="activating", sub="start-pre"), "reload", Step.WAIT, id="starting"),
        pytest.param(
            state(active="activating", sub="auto-restart"), "reload", ReloadResult.WAITING_FOR_CONSUMER, id="crashed"
        ),
        pytest.param(state(active="inactive"), "reload", ReloadResult.WAITING_FOR_CONSUMER, id="inactive"),
        pytest.param(state(active="inactive"), "restart", ReloadResult.WAITING_FOR_CONSUMER, id="inactive-restart"),
        pytest.param(
            state(active="failed"), "try-reload-or-restart", ReloadResult.WAITING_FOR_CONSUMER, id="failed-try"
        ),
        pytest.param(state(active="failed"), "restart", Step.ACT, id="failed-restart"),
        pytest.param(state(active="inactive"), "start", Step.ACT, id="inactive-start"),
        pytest.param(state(active="failed"), "start", Step.ACT, id="failed-start"),
        pytest.param(state(active="deactivating"), "restart", ReloadResult.WAITING_FOR_CONSUMER, id="stopping"),
        pytest.param(state(at=1003.0), "reload", ReloadResult.ALREADY_CURRENT, id="started-after-the-write"),
        pytest.param(state(at=1001.0), "reload", Step.ACT, id="started-within-the-slack"),
        pytest.param(state(at=None), "reload", Step.ACT, id="start-unknown"),
    ],
)
def test_the_state_decides(given: UnitState, action: str, expected: Decision) -> None:
    assert decide(given, action, order(), own=STRANGER) is expected


def test_an_operator_who_asks_is_obeyed_though_the_unit_started_after_the_write() -> None:
    assert decide(state(at=5000.0), "reload", order(forced=True), own=STRANGER) is Step.ACT


@pytest.mark.parametrize(
    "own",
    [OwnUnit("app.service", None), OwnUnit(None, "f" * 32)],
    ids=["by-control-group", "by-invocation"],
)
def test_the_agents_own_unit_is_never_told_not_even_while_it_starts(own: OwnUnit) -> None:
    for active in ("active", "activating", "failed"):
        assert decide(state(active=active), "restart", order(forced=True), own=own) is ReloadResult.OWN_UNIT


def test_without_an_invocation_nothing_is_taken_for_our_own() -> None:
    dead = parse_show(RUNNING.replace("a2289640dcee42b9b33ba6304bec88e9", ""))
    assert not OwnUnit(None, "").is_unit(dead)
    assert not OwnUnit(None, None).is_unit(dead)


@pytest.mark.parametrize(
    ("given", "is_down"),
    [
        pytest.param(state(active="inactive", sub="dead"), True, id="died-of-HUP-booked-as-success"),
        pytest.param(state(active="failed"), True, id="failed"),
        pytest.param(state(active="activating", sub="auto-restart"), False, id="comes-back"),
        pytest.param(state(active="inactive", kind="oneshot"), False, id="oneshot-done"),
        pytest.param(state(), False, id="running"),
    ],
)
def test_whether_it_survived_its_reload(given: UnitState, is_down: bool) -> None:
    assert given.is_down_after_reload is is_down


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0::/system.slice/nginx.service\n", "nginx.service", id="v2"),
        pytest.param("9:name=systemd:/system.slice/nginx.service\n4:memory:/x.service\n", "nginx.service", id="v1"),
        pytest.param("9:name=systemd:/\n0::/system.slice/probe.service\n", "probe.service", id="hybrid"),
        pytest.param("0::/system.slice/system-app.slice/app@1.service/inner/x.service\n", "app@1.service", id="below"),
        pytest.param("0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", id="session"),
        pytest.param("0::/user.slice/user-0.slice/user@0.service/app.slice/x.service\n", "user@0.service", id="user"),
        pytest.param("0::/\n", None, id="namespace"),
        pytest.param("", None, id="nothing"),
        pytest.param("nonsense\n", None, id="nonsense"),
    ],
)
def test_our_unit_is_the_first_one_below_the_slices(text: str, expected: str | None) -> None:
    assert unit_of_cgroups(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", "nginx.service"),
        ("nginx.service", "nginx.service"),
        ("app.v2", "app.v2.service"),
        ("postgresql@15-main", "postgresql@15-main.service"),
        ("backup.timer", "backup.timer"),
        (r"dev-disk\x2dby.device", r"dev-disk\x2dby.device"),
    ],
)
def test_a_unit_name_is_completed_as_systemctl_does(text: str, expected: str) -> None:
    assert unit_name(text) == expected


@pytest.mark.parametrize(
    "text", ["", ".service", "a/b", "a b", "a*", "-x", "--now", "a@", "a@.service", "x" * 300, "ä"]
)
def test_what_is_no_unit_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"nginx\.service|needs its instance"):
        unit_name(text)
