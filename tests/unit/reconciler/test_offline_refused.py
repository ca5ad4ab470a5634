"""A start without the service from a cache that does not open: told, never a crash, and never a wrong file."""

from __future__ import annotations

from pathlib import Path

from config_sync.errors import CredentialError, ServiceUnavailable
from config_sync.model import EncryptionKey
from tests.fakes import Keys
from tests.unit.reconciler.test_offline import rebooted, synced
from tests.unit.reconciler.world import World

OTHER_KEY = EncryptionKey("fedcba9876543210" * 4)


def test_a_key_that_is_gone_is_told_and_an_older_key_still_opens(world: World) -> None:
    target = synced(world)
    rebooted(world)
    world.keys = Keys((OTHER_KEY,))
    world.restart()
    outcome = world.start(target)
    assert isinstance(outcome.error, ServiceUnavailable)
    assert "the cache does not help: config app: wrong key or damaged data" in outcome.error.message
    assert not outcome.is_present
    world.keys = Keys((OTHER_KEY, *Keys().ring))
    world.restart()
    assert world.start(target).is_present


def test_without_any_key_that_is_what_is_told(world: World) -> None:
    target = synced(world)
    rebooted(world)

    class NoKeys(Keys):
        def read(self) -> tuple[EncryptionKey, ...]:
            raise CredentialError("no key")

    world.keys = NoKeys()
    world.restart()
    assert isinstance(world.start(target).error, CredentialError)


def wrong(directory: Path) -> None:
    for path in (directory / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:-1])


def test_a_cut_entry_is_refused_and_an_older_one_serves(world: World) -> None:
    target = synced(world, None, 1, 2)
    newest = max((world.state / "cache").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    rebooted(world)
    assert world.start(target).is_present
    assert (world.path.read_bytes(), world.record.version) == (b'{"port": 1}', 1)


def test_where_no_entry_is_whole_the_cache_does_not_help(world: World) -> None:
    target = synced(world)
    wrong(world.state)
    rebooted(world)
    outcome = world.start(target)
    assert outcome.error is not None
    assert "revision" in outcome.error.message
    assert "is not in the cache" in outcome.error.message
    assert not world.path.exists()
