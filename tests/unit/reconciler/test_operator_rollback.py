"""An operator goes back: an earlier revision from the cache, validated, published, told, and held until resumed."""

from __future__ import annotations

import dataclasses

import pytest

from config_sync.errors import (
    CheckRejected,
    DecryptFailed,
    FileError,
    ReloadFailed,
    RevisionMissing,
    RolledBack,
    UsageError,
)
from config_sync.model import (
    ConfigName,
    ConfigRef,
    EncryptionKey,
    Hold,
    OnFailure,
    Outcome,
    Part,
    PinnedBy,
    ReloadResult,
    Result,
    Resume,
    Rollback,
    Target,
)
from config_sync.workqueue import Wake
from tests.fakes import Keys, unavailable
from tests.unit.reconciler.world import World, checker, seen


def versions(world: World, target: Target, *ports: int) -> None:
    for port in ports:
        world.service.put("app", {"port": port})
        world.sync(target, Wake.EVENT)


def back(world: World, target: Target, to: str | None = None) -> Outcome:
    world.reconciler.order(target, Rollback(to, "ada"))
    return world.sync(target, Wake.COMMAND)


def test_what_was_before_is_published_told_and_held_until_it_is_resumed(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    fetches = len(world.service.fetches)
    outcome = back(world, target)
    assert (outcome.error, outcome.result, outcome.reason) == (None, Result.CHANGED, "RolledBack")
    assert (outcome.reload, outcome.is_compared) == (ReloadResult.RELOADED, False)
    assert world.path.read_bytes() == b'{"port": 1}'
    assert (world.record.version, world.record.previous_version, world.owes()) == (1, 2, False)
    last = world.reload.orders[-1]
    assert (last.reason, last.version, last.previous_version) == ("RolledBack", 1, 2)
    before = seen(world.path)
    for wake in (Wake.RESYNC, Wake.EVENT, Wake.FILES, Wake.START):
        world.restart()
        assert world.sync(target, wake).reason == "Held"
    assert (seen(world.path), len(world.service.fetches), len(world.reload.orders)) == (before, fetches, 3)
    hold = world.record.hold
    assert hold is not None
    assert (hold.by, hold.who, hold.reason) == (PinnedBy.OPERATOR, "ada", "rolled back to version 1 from version 2")
    world.reconciler.order(target, Resume())
    assert world.sync(target, Wake.COMMAND).result is Result.CHANGED
    assert (world.path.read_bytes(), world.record.pin) == (b'{"port": 2}', None)


def test_again_goes_further_back_until_nothing_is_earlier(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2, 3)
    back(world, target)
    assert world.path.read_bytes() == b'{"port": 2}'
    back(world, target)
    assert world.path.read_bytes() == b'{"port": 1}'
    with pytest.raises(RevisionMissing, match="no earlier revision of app"):
        back(world, target)
    assert world.path.read_bytes() == b'{"port": 1}'
    assert world.record.is_frozen


def test_a_version_a_revision_and_its_beginning_name_where_to_go(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2, 3)
    one = world.cache.revisions(target.configs[0])[-1]
    for to in ("1", one.revision, one.revision[:4], one.revision.upper()):
        assert back(world, target, to).error is None
        assert world.path.read_bytes() == b'{"port": 1}'
        back(world, target, "3")
        assert world.path.read_bytes() == b'{"port": 3}'


@pytest.mark.parametrize("to", ["9", "0000", "zzzz", "", "12ab34cd56ef"])
def test_an_unknown_revision_is_told_and_changes_nothing(world: World, to: str) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    record = world.record
    with pytest.raises(RevisionMissing, match=r"version or revision|revision '"):
        world.reconciler.order(target, Rollback(to))
    assert world.record == record


def test_what_no_key_opens_any_more_is_told_and_changes_nothing(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    world.keys = Keys((EncryptionKey("ab" * 32),))
    world.restart()
    record = world.record
    with pytest.raises(DecryptFailed, match="config app"):
        world.reconciler.order(target, Rollback())
    assert world.record == record


def test_a_checker_that_refuses_it_leaves_all_as_it_was_and_a_hold_too(world: World) -> None:
    plain = world.target()
    versions(world, plain, 1, 2)
    for in_place in (False, True):
        picky = dataclasses.replace(plain, validate=checker('! grep -q ": 1" "$1"', in_place=in_place))
        before = world.record
        outcome = back(world, picky)
        assert isinstance(outcome.error, CheckRejected)
        assert outcome.is_given_up
        assert (world.path.read_bytes(), world.record) == (b'{"port": 2}', before)
        assert world.sync(picky, Wake.COMMAND).error is None
        world.reconciler.order(picky, Hold(reason="looking"))
        held = world.record
        assert isinstance(back(world, picky).error, CheckRejected)
        assert (world.record, world.sync(picky, Wake.RESYNC).reason) == (held, "Held")
        world.reconciler.order(picky, Resume())
        world.sync(picky, Wake.COMMAND)


def test_a_consumer_that_cannot_live_with_it_keeps_it_and_the_reload_stays_owed(world: World) -> None:
    target = dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)
    versions(world, target, 1, 2)
    world.reload.script.append(ReloadFailed("it is gone"))
    outcome = back(world, target)
    assert type(outcome.error) is ReloadFailed
    assert (world.path.read_bytes(), world.owes(), world.record.is_frozen) == (b'{"port": 1}', True, True)
    assert not [name for name in world.names if name.endswith(".old")]
    world.restart()
    assert world.sync(target, Wake.RELOAD_RETRY).reload is ReloadResult.RELOADED
    assert not world.owes()


def test_from_a_publish_whose_reload_is_owed(world: World) -> None:
    target = dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)
    versions(world, target, 1)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadFailed("a"))
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    versions(world, target, 3)
    assert world.path.read_bytes() == b'{"port": 3}'
    assert back(world, target).error is None
    assert world.path.read_bytes() == b'{"port": 1}'


def test_over_a_skipped_revision_it_is_skipped_again_after_resume(world: World) -> None:
    target = dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)
    versions(world, target, 1, 2)
    world.service.put("app", {"port": 3})
    world.reload.script.append(ReloadFailed("it died"))
    assert isinstance(world.sync(target, Wake.EVENT).error, RolledBack)
    back(world, target)
    assert world.path.read_bytes() == b'{"port": 1}'
    world.reconciler.order(target, Resume())
    assert isinstance(world.sync(target, Wake.COMMAND).error, RolledBack)
    assert world.path.read_bytes() == b'{"port": 1}', "what is skipped does not come, and nothing newer is there"
    versions(world, target, 4)
    assert world.path.read_bytes() == b'{"port": 4}'


def test_without_the_service_it_works_all_the_same(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    world.service.outage = unavailable()
    world.restart()
    assert back(world, target).reload is ReloadResult.RELOADED
    assert world.path.read_bytes() == b'{"port": 1}'


def test_held_files_that_a_reboot_took_come_back_from_the_cache_and_are_held(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    back(world, target)
    hold = world.record.hold
    world.path.unlink()
    world.sync(target, Wake.FILES)
    assert not world.path.exists(), "taken away by somebody while the agent runs: that stays"
    world.restart()
    outcome = world.sync(target, Wake.START)
    assert (outcome.error, world.path.read_bytes()) == (None, b'{"port": 1}')
    assert world.record.hold is not None
    assert hold is not None
    assert (world.record.hold.reason, world.record.hold.under) == (hold.reason, None)
    assert world.record.is_frozen
    world.path.unlink()
    for name in (world.state / "cache").iterdir():
        name.unlink()
    world.restart()
    outcome = world.sync(target, Wake.START)
    assert isinstance(outcome.error, RevisionMissing)
    assert (world.path.exists(), world.record.is_frozen) == (False, True), "and nothing else is put there"


def test_an_edit_is_no_reason_to_stay(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)
    world.path.write_bytes(b"by hand")
    assert back(world, target).error is None
    assert world.path.read_bytes() == b'{"port": 1}'
    world.path.write_bytes(b"by hand")
    world.sync(target, Wake.FILES)
    assert back(world, target, "1").result is Result.CHANGED, "to what the record says is there: the edit goes"
    assert world.path.read_bytes() == b'{"port": 1}'


def test_a_write_that_fails_before_anything_is_visible_changes_nothing(world: World) -> None:
    target = world.target()
    versions(world, target, 1, 2)

    def gate(call: str) -> None:
        if call in ("rename", "renameat", "link"):
            raise OSError(28, "No space left on device")

    world.restart(gate=gate)
    before = world.record
    outcome = back(world, target)
    assert isinstance(outcome.error, FileError)
    assert (outcome.is_given_up, world.record, world.path.read_bytes()) == (True, before, b'{"port": 2}')


# ---- several configs


def merged(world: World) -> Target:
    refs = [ConfigRef(ConfigName(name)) for name in ("app", "host")]
    spec = dataclasses.replace(world.spec(), merge=(Part(refs[0]), Part(refs[1], is_optional=True)))
    return world.target(spec)


def change(world: World, target: Target, **values: object) -> None:
    for name, value in values.items():
        world.service.put(name, {name: value})
    world.sync(target, Wake.EVENT)
    world.clock.passed_s += 100.0


def test_of_several_configs_those_go_back_that_came_last(world: World) -> None:
    target = merged(world)
    change(world, target, app=1, host=1)
    change(world, target, app=2)
    change(world, target, app=3, host=2)
    assert back(world, target).error is None
    assert world.path.read_bytes() == b'{"app":2,"host":1}'
    assert back(world, target).error is None
    assert world.path.read_bytes() == b'{"app":1,"host":1}'
    assert dict(world.record.versions) == {"app": 1, "host": 1}
    back(world, target, world.cache.revisions(target.configs[1])[0].revision)
    assert world.path.read_bytes() == b'{"app":1,"host":2}'


def test_a_version_that_several_configs_have_is_ambiguous(world: World) -> None:
    target = merged(world)
    change(world, target, app=1, host=1)
    with pytest.raises(UsageError, match="may mean"):
        world.reconciler.order(target, Rollback("1"))


def test_an_optional_config_that_was_not_there_stays_away(world: World) -> None:
    target = merged(world)
    change(world, target, app=1)
    change(world, target, app=2)
    assert back(world, target).error is None
    assert world.path.read_bytes() == b'{"app":1}'
