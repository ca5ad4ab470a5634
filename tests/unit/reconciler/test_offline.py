"""A start without the service: what is missing comes from the cache, by the same pass as ever."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import (
    FileError,
    Forbidden,
    NotFound,
    ReloadFailed,
    ServiceUnavailable,
    TlsFailed,
    Unauthorized,
)
from config_sync.model import (
    ConfigName,
    ConfigRef,
    EncryptionKey,
    OnDrift,
    OnFailure,
    Part,
    Pin,
    PinnedBy,
    PinnedUntil,
    ReloadResult,
    Result,
    Target,
)
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.world import WEEK_S, World, checker, seen

OTHER_KEY = EncryptionKey("fedcba9876543210" * 4)


def rebooted(world: World) -> None:
    """A new process after a boot that emptied the memory file system, and the service is away."""
    for path in world.etc.iterdir():
        path.unlink()
    world.service.outage = unavailable()
    world.restart()


def synced(world: World, target: Target | None = None, *ports: object) -> Target:
    """The target, with what was published one after the other."""
    target = target or world.target()
    for port in ports or (1,):
        world.service.put("app", {"port": port})
        world.sync(target)
    return target


def test_files_are_back_the_consumer_is_told_and_the_outage_is_reported(world: World) -> None:
    target = synced(world)
    before = world.record
    rebooted(world)
    outcome = world.start(target)
    assert isinstance(outcome.error, ServiceUnavailable)
    assert (outcome.result, outcome.reload) == (Result.FAILED, ReloadResult.RELOADED)
    assert (outcome.wrote, outcome.is_present) == ((world.spec().path,), True)
    assert outcome.cached_as_of == world.kept()[0].confirmed_at
    assert world.path.read_bytes() == b'{"port": 1}'
    assert seen(world.path).mode == 0o640
    after = world.record
    assert after.pin is not None
    assert (after.pin.by, after.pin.until) == (PinnedBy.OFFLINE, PinnedUntil.NEWER)
    assert after.from_cache_since == world.clock.now()
    assert (after.version, after.revision, after.saved_at) == (before.version, before.revision, before.saved_at)
    assert not world.owes()


def test_it_is_served_once_and_the_pin_is_gone_when_the_service_answers(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.start(target)
    since, before, told = world.record.from_cache_since, seen(world.path), len(world.reload.orders)
    assert isinstance(world.start(target, wake=Wake.RETRY).error, ServiceUnavailable)
    world.restart()
    world.start(target)
    assert (world.record.from_cache_since, seen(world.path)) == (since, before)
    world.service.outage = None
    outcome = world.start(target, wake=Wake.RETRY)
    assert (outcome.error, outcome.result, outcome.cached_as_of) == (None, Result.UNCHANGED, None)
    assert (world.record.pin, world.record.from_cache_since) == (None, None)
    assert (seen(world.path), len(world.reload.orders)) == (before, told)


def test_the_service_comes_back_with_something_newer(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.start(target)
    world.service.outage = None
    world.service.put("app", {"port": 2})
    assert world.start(target, wake=Wake.RETRY).result is Result.CHANGED
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 2}', None)


def test_what_is_on_disk_as_recorded_stays_untouched(world: World) -> None:
    target = synced(world)
    before = seen(world.path)
    world.service.outage = unavailable()
    world.restart()
    assert world.start(target).cached_as_of is None
    assert (seen(world.path), world.record.pin) == (before, None)


@pytest.mark.parametrize(
    "error",
    [Unauthorized("401"), Forbidden("403"), NotFound("404"), TlsFailed("expired")],
    ids=["401", "403", "404", "tls"],
)
def test_a_service_that_says_no_is_not_away(
    world: World, error: Unauthorized | Forbidden | NotFound | TlsFailed
) -> None:
    target = synced(world)
    rebooted(world)
    world.service.outage = error
    outcome = world.start(target)
    assert (outcome.error, outcome.is_present) == (error, False)
    assert not world.path.exists()


def test_never_means_never(world: World) -> None:
    target = synced(world)
    rebooted(world)
    outcome = world.start(target, max_age_s=0.0)
    assert outcome.error is world.service.outage
    assert not world.path.exists()


@pytest.mark.parametrize(("passed_s", "is_served"), [(WEEK_S - 10, True), (WEEK_S + 10, False)], ids=["young", "old"])
def test_its_age_counts_from_when_the_service_last_had_it(world: World, passed_s: float, is_served: bool) -> None:
    target = synced(world)
    rebooted(world)
    world.clock.passed_s += passed_s
    outcome = world.start(target)
    assert world.path.exists() is is_served
    assert outcome.error is not None
    assert ("longer ago than agent.offline_start allows" in outcome.error.message) is not is_served
    assert outcome.error.retry is unavailable().retry


def test_always_has_no_age_and_a_clock_that_was_set_back_does_not_matter(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.clock.passed_s += 1e9
    assert world.start(target, max_age_s=float("inf")).is_present
    rebooted(world)
    world.clock.passed_s = -1e9
    assert world.start(target).is_present


def test_a_pinned_version_does_not_age(world: World) -> None:
    target = world.target(world.spec(version=1))
    synced(world, target)
    rebooted(world)
    world.clock.passed_s += 1e9
    assert world.start(target).is_present
    assert world.path.read_bytes() == b'{"port": 1}'


def test_an_edit_is_put_right_from_the_cache_too(world: World) -> None:
    target = synced(world)
    world.service.outage = unavailable()
    world.path.write_bytes(b"edited")
    assert isinstance(world.start(target, wake=Wake.FILES).error, ServiceUnavailable)
    assert world.path.read_bytes() == b'{"port": 1}'
    assert len(world.reload.orders) == 2
    for _ in range(2):
        world.path.write_bytes(b"edited")
        world.start(target, wake=Wake.FILES)
    world.path.write_bytes(b"edited")
    outcome = world.start(target, wake=Wake.FILES)
    assert isinstance(outcome.error, FileError)
    assert (outcome.error.reason, world.path.read_bytes()) == ("Contested", b"edited")


@pytest.mark.parametrize("on_drift", [OnDrift.REPORT, OnDrift.IGNORE], ids=["report", "ignore"])
def test_a_tolerated_edit_stays(world: World, on_drift: OnDrift) -> None:
    target = synced(world, dataclasses.replace(world.target(), on_drift=on_drift))
    world.service.outage = unavailable()
    world.path.write_bytes(b"edited")
    world.restart()
    world.start(target)
    assert (world.path.read_bytes(), world.record.pin) == (b"edited", None)


def test_a_revision_that_another_target_published_since_is_not_taken(world: World) -> None:
    target = synced(world, world.target(validate=checker("! grep -q bad $1")))
    other = dataclasses.replace(world.target(world.spec("other.json")), name="other")
    world.service.put("app", {"port": "bad"})
    world.sync(other)
    world.sync(target)
    rebooted(world)
    world.start(target)
    assert (world.path.read_bytes(), world.record.version) == (b'{"port": 1}', 1)


def test_what_the_checker_refuses_by_now_is_not_published(world: World) -> None:
    target = synced(world, None, "bad", "good")
    for path in (world.state / "cache").iterdir():
        if path.name.endswith(str(world.record.revision)):
            path.unlink()
    rebooted(world)
    outcome = world.start(dataclasses.replace(target, validate=checker("! grep -q bad $1")))
    assert outcome.error is not None
    assert "refused the new files" in outcome.error.message
    assert not world.path.exists()


def test_a_refused_revision_is_not_served_and_its_pin_stands(world: World) -> None:
    target = dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)
    synced(world, target)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadFailed("it died"))
    world.sync(target)
    refused = world.record.pin
    assert isinstance(refused, Pin)
    rebooted(world)
    assert world.start(target).is_present
    assert world.path.read_bytes() == b'{"port": 1}'
    pin = world.record.pin
    assert pin == dataclasses.replace(refused, from_cache_since=world.clock.now())
    world.service.outage = None
    world.start(target, wake=Wake.RETRY)
    assert world.path.read_bytes() == b'{"port": 1}'
    assert world.record.pin == refused, "the service was heard: nothing comes from the cache any more"


def test_a_new_target_of_a_known_config_starts_from_its_newest(world: World) -> None:
    synced(world, None, 1, 2)
    world.service.outage = unavailable()
    new = dataclasses.replace(world.target(world.spec("new.json")), name="new")
    world.start(new)
    assert (world.etc / "new.json").read_bytes() == b'{"port": 2}'


def test_an_optional_config_that_was_not_there_is_absent(world: World) -> None:
    parts = (Part(ConfigRef(ConfigName("app"))), Part(ConfigRef(ConfigName("host")), is_optional=True))
    target = world.target(dataclasses.replace(world.spec(), merge=parts))
    synced(world, target)
    content = world.path.read_bytes()
    rebooted(world)
    assert world.start(target).is_present
    assert world.path.read_bytes() == content


def test_a_failing_reload_stays_owed_and_is_tried_again(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.reload.script.append(ReloadFailed("not yet"))
    outcome = world.start(target)
    assert isinstance(outcome.error, ServiceUnavailable)
    assert (world.path.read_bytes(), world.owes()) == (b'{"port": 1}', True)
    assert world.start(target, wake=Wake.RETRY).reload is ReloadResult.RELOADED
    assert not world.owes()


def test_a_disk_that_is_full_for_the_files_is_more_urgent(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.path.mkdir()
    assert isinstance(world.start(target).error, FileError)
