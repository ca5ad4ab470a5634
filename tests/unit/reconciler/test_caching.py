"""What a pass published is in the cache as the service sent it; what was never good is not."""

from __future__ import annotations

import dataclasses
import errno
import os

import pytest

from config_sync.errors import CheckRejected, DecryptFailed, FileError, ReloadFailed, RolledBack
from config_sync.model import OnFailure, Result
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import unavailable
from tests.unit.reconciler.world import World, checker


class Full:
    """A gate of a full disk, while it is on."""

    def __init__(self) -> None:
        self.is_on = True

    def __call__(self, call: str) -> None:
        if self.is_on and call == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def versions(world: World, name: str = "app") -> list[int | None]:
    return [one.version for one in world.kept(name)]


def test_each_published_revision_is_kept_newest_first_with_its_story(world: World) -> None:
    for port in (1, 2, 3):
        world.service.put("app", {"port": port})
        world.sync(world.target())
    assert versions(world) == [3, 2, 1]
    newest = world.kept()[0]
    assert (newest.revision, newest.stored_at) == (world.record.revision, world.clock.now())
    world.service.put("app", {"port": 1}, version=9)
    world.sync(world.target())
    assert versions(world) == [9, 3, 2]


def test_of_a_merge_each_config_is_kept_and_pinned_versions_too(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.put("other", {"a": 1})
    world.sync(world.target(world.spec(), world.spec("b.json", "other"), world.spec("c.json", "app", version=1)))
    assert [versions(world), versions(world, "other")] == [[1], [1]]
    assert [one.version for one in world.kept(version=1)] == [1]


def test_what_the_checker_refused_is_not_kept(world: World) -> None:
    for in_place in (False, True):
        target = world.target(validate=checker("! grep -q bad $1", in_place=in_place))
        world.service.put("app", {"port": 1})
        world.sync(target)
        world.service.put("app", {"port": "bad"})
        assert isinstance(world.sync(target).error, CheckRejected)
        assert [one.revision for one in world.kept()] == [world.record.revision]


def test_what_did_not_open_is_not_kept(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.service.damage["app"] = lambda sealed: sealed[:-1]
    assert isinstance(world.sync(world.target()).error, DecryptFailed)
    assert world.kept() == []


def test_what_could_not_be_written_is_not_kept(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.path.mkdir()
    assert isinstance(world.sync(world.target()).error, FileError)
    assert world.kept() == []


def test_what_was_rolled_back_is_refused_for_that_target_alone(world: World) -> None:
    target = dataclasses.replace(world.target(), on_failure=OnFailure.ROLLBACK)
    world.service.put("app", {"port": 1})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.reload.script.append(ReloadFailed("it died"))
    assert isinstance(world.sync(target).error, RolledBack)
    assert [(one.version, one.refused_by) for one in world.kept()] == [(2, ("app",)), (1, ())]
    world.sync(target, Wake.RESYNC)
    assert [(one.version, one.refused_by) for one in world.kept()] == [(2, ("app",)), (1, ())]
    world.service.put("app", {"port": 3})
    world.sync(target)
    world.service.put("app", {"port": 2})
    world.sync(target)
    assert [(one.version, one.refused_by) for one in world.kept()] == [(4, ()), (3, ()), (1, ())]


def test_a_missing_revision_is_kept_again_by_the_next_pass(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.sync(world.target())
    for path in (world.state / "cache").iterdir():
        path.unlink()
    world.restart()
    assert world.sync(world.target()).result is Result.UNCHANGED
    assert versions(world) == [1]


def test_a_full_disk_is_told_and_syncing_goes_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    full = Full()
    world.restart(cache_gate=full)
    for port in (1, 2):
        world.service.put("app", {"port": port})
        outcome = world.sync(world.target())
        assert (outcome.error, outcome.result) == (None, Result.CHANGED)
        assert outcome.not_cached is not None
        assert "ENOSPC" in outcome.not_cached
    assert world.kept() == []
    full.is_on = False
    assert world.sync(world.target()).not_cached is None
    assert versions(world) == [2]
    output = capsys.readouterr()
    log = output.out + output.err
    assert (log.count("cache.unavailable"), log.count("cache.recovered")) == (1, 1)


def test_a_pass_that_did_not_ask_the_service_keeps_nothing(world: World) -> None:
    world.service.put("app", {"port": 1})
    world.sync(world.target(), occasion=Occasion(may_reload=False))
    for path in (world.state / "cache").iterdir():
        path.unlink()
    world.service.outage = unavailable()
    world.sync(world.target(), Wake.RELOAD_RETRY)
    assert world.kept() == []
