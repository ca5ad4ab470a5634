from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.errors import (
    DecryptFailed,
    DocumentRefused,
    NotFound,
    OptionalGone,
    ReloadFailed,
    ServiceUnavailable,
    SyncError,
)
from config_sync.model import (
    ChangeEvent,
    OnFailure,
    ReloadResult,
    Result,
    Target,
)
from config_sync.reconciler import Occasion
from config_sync.workqueue import Wake
from tests.fakes import START, unavailable
from tests.unit.reconciler.joining import WITHOUT_HOST, joined, part
from tests.unit.reconciler.world import World, seen


@pytest.fixture
def three(world: World) -> Target:
    """A file of three configs, two of which are there."""
    world.service.put("common", b'{"db": {"host": "a", "port": 5432}, "level": 1.10, "spare": 1}')
    world.service.put("app", b'{"db": {"host": "b"}, "spare": null}')
    return world.target(joined(world))


def test_an_optional_config_that_was_never_there_is_absent(world: World, three: Target) -> None:
    outcome = world.sync(three)
    assert outcome.result is Result.CHANGED
    assert world.path.read_text() == WITHOUT_HOST
    assert world.record.versions == {"common": 1, "app": 1}
    assert set(world.record.revisions) == {"common", "app"}


def test_it_appears_later_and_its_nulls_take_away(world: World, three: Target) -> None:
    world.sync(three)
    world.service.put("host", {"db": {"port": None}, "name": "h1"})
    assert world.sync(three).result is Result.CHANGED
    assert world.path.read_text() == '{"db":{"host":"b"},"level":1.10,"name":"h1"}'
    assert world.record.versions == {"common": 1, "app": 1, "host": 1}


@pytest.mark.parametrize("changed", ["common", "app", "host"])
def test_a_change_of_any_of_them_is_written_and_told_once(world: World, three: Target, changed: str) -> None:
    world.service.put("host", {"x": 0})
    world.sync(three)
    orders = len(world.reload.orders)
    world.service.put(changed, {"x": 1, "from": changed})
    assert world.sync(three).result is Result.CHANGED
    assert json.loads(world.path.read_text())["from"] == changed
    assert len(world.reload.orders) == orders + 1
    assert world.record.versions == {"common": 1, "app": 1, "host": 1} | {changed: 2}
    before = seen(world.path)
    assert world.sync(three).result is Result.UNCHANGED
    assert seen(world.path) == before


def test_one_that_was_there_and_is_removed_for_good_is_absent(world: World, three: Target) -> None:
    world.service.put("host", {"name": "h1"})
    world.sync(three)
    world.service.take_away("host")
    assert world.sync(three).result is Result.CHANGED
    assert world.path.read_text() == WITHOUT_HOST
    assert set(world.record.revisions) == {"common", "app"}


@pytest.mark.parametrize("is_listed", [True, None], ids=["the-list-has-it", "no-list"])
def test_a_404_alone_takes_nothing_away(world: World, three: Target, is_listed: bool | None) -> None:
    world.service.put("host", {"name": "h1"})
    world.sync(three)
    before = seen(world.path)
    world.service.hides_list = is_listed is None
    error = NotFound("config host: the service answers 404")
    error.is_listed = is_listed
    world.service.fail("host", error, error)
    world.service.put("common", {"other": 1})
    outcome = world.sync(three)
    assert isinstance(outcome.error, OptionalGone)
    assert "config host" in outcome.error.message
    assert outcome.error.hint is not None
    assert "{}" in outcome.error.hint
    assert seen(world.path) == before
    world.restart()
    assert isinstance(world.sync(three).error, OptionalGone)
    assert world.sync(three).result is Result.CHANGED  # it is back
    assert json.loads(world.path.read_text()) == {"other": 1, "name": "h1", "db": {"host": "b"}}


def test_saving_an_empty_document_is_the_way_out(world: World, three: Target) -> None:
    world.service.put("host", {"name": "h1"})
    world.sync(three)
    world.service.put("host", {})
    assert world.sync(three).result is Result.CHANGED
    assert world.path.read_text() == WITHOUT_HOST


def test_without_the_first_the_others_are_patches_on_nothing(world: World) -> None:
    world.service.put("app", {"a": None, "b": {"c": None, "d": 1}})
    target = world.target(joined(world, part("base", is_optional=True), part("app")))
    world.sync(target)
    assert world.path.read_text() == '{"b":{"d":1}}'
    world.service.put("base", {"a": 1, "b": {"c": 2}, "n": None})
    world.sync(target)
    assert world.path.read_text() == '{"b":{"d":1},"n":null}'


FAILURES: dict[str, tuple[Callable[[World], object], type[SyncError], str]] = {
    "damaged": (
        lambda world: world.service.damage.update(app=lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1])),
        DecryptFailed,
        "config app: wrong key or damaged data",
    ),
    "no-json": (
        lambda world: world.service.put("app", b"{nonsense"),
        DocumentRefused,
        "config app: the document is not",
    ),
    "twice": (
        lambda world: world.service.put("app", b'{"x": 1, "x": 2}'),
        DocumentRefused,
        "config app: the document has",
    ),
    "gone": (lambda world: world.service.take_away("app"), NotFound, "config app: the service answers 404"),
    "away": (
        lambda world: world.service.fail("app", unavailable()),
        ServiceUnavailable,
        "the service cannot be reached",
    ),
    "optional-damaged": (
        lambda world: (world.service.put("host", {}), world.service.damage.update(host=lambda sealed: sealed[:5])),
        DecryptFailed,
        "config host: the answer is no ciphertext",
    ),
    "optional-no-json": (lambda world: world.service.put("host", b"1 2"), DocumentRefused, "config host: the document"),
}


@pytest.mark.parametrize(("damage", "kind", "said"), FAILURES.values(), ids=FAILURES.keys())
def test_where_one_fails_the_whole_file_stays_and_the_reason_names_it(
    world: World, three: Target, damage: Callable[[World], object], kind: type[SyncError], said: str
) -> None:
    world.sync(three)
    before = seen(world.path)
    world.service.put("common", {"changed": "too"})
    damage(world)
    outcome = world.sync(three)
    assert type(outcome.error) is kind
    assert outcome.error.message.startswith(said)
    assert seen(world.path) == before
    assert world.record.versions == {"common": 1, "app": 1}


def test_one_config_of_several_files_is_fetched_once_a_pass(world: World, three: Target) -> None:
    files = joined(world), joined(world, name="b.json", select="/db"), world.spec("c.json", "common")
    world.sync(world.target(*files))
    assert world.service.counts == {"common": 1, "app": 1, "host": 1}
    assert [Path(spec.path).read_text() for spec in files][1:] == [
        '{"host":"b","port":5432}',
        '{"db": {"host": "a", "port": 5432}, "level": 1.10, "spare": 1}',  # byte for byte
    ]


def test_a_pin_of_one_entry_is_fetched_once_and_stays(world: World) -> None:
    world.service.put("common", {"v": 1})
    world.service.put("app", {"a": 1})
    target = world.target(joined(world, part("common", version=1), part("app")))
    world.sync(target)
    world.service.put("common", {"v": 2})
    world.service.put("app", {"a": 2})
    world.sync(target)
    assert world.path.read_text() == '{"v":1,"a":2}'
    assert world.service.counts == {"common": 1, "app": 2}
    assert world.record.versions == {"common version 1": 1, "app": 2}


def test_one_config_in_two_environments_is_two(world: World) -> None:
    world.service.put("app", {"a": 1, "b": 1}, environment="base")
    world.service.put("app", {"b": 2}, environment="prod")
    world.sync(world.target(joined(world, part("app", environment="base"), part("app", environment="prod"))))
    assert world.path.read_text() == '{"a":1,"b":2}'
    assert world.record.versions == {"app/base": 1, "app/prod": 1}


def test_who_changed_it_is_who_changed_the_one_that_changed(world: World, three: Target) -> None:
    first = {"common": ChangeEvent("common", 1, changed_by=3, timestamp=START)}
    world.sync(three, occasion=Occasion(hints=first))
    assert (world.record.version, world.record.changed_by, world.record.saved_at) == (1, 3, START)
    world.service.put("app", {"db": {"host": "c"}})
    later = first | {"app": ChangeEvent("app", 2, changed_by=8, timestamp=START + 5)}
    world.sync(three, occasion=Occasion(hints=later))
    assert (world.record.version, world.record.changed_by, world.record.saved_at) == (1, 8, START + 5)
    world.sync(three)
    assert (world.record.changed_by, world.record.versions) == (8, {"common": 1, "app": 2})


def test_an_event_about_an_older_version_tells_nothing_of_this_one(world: World, three: Target) -> None:
    world.service.put("app", {"v": 2})
    world.sync(three, occasion=Occasion(hints={"app": ChangeEvent("app", 1, changed_by=3, timestamp=START)}))
    assert world.record.changed_by is None


def test_an_edit_is_put_right_without_asking_and_the_versions_stay(world: World, three: Target) -> None:
    world.sync(three)
    record = world.record
    world.sync(three, Wake.FILES)
    assert world.service.counts["app"] == 1
    assert world.record == record
    world.path.write_text("edited")
    world.sync(three, Wake.FILES)
    assert world.path.read_text() == WITHOUT_HOST


def test_after_a_restart_nothing_is_written_nor_told(world: World, three: Target) -> None:
    world.sync(three)
    before, orders = seen(world.path), len(world.reload.orders)
    world.restart()
    assert world.sync(three).result is Result.UNCHANGED
    assert seen(world.path) == before
    assert len(world.reload.orders) == orders


def test_a_rollback_takes_the_versions_back_too(world: World, three: Target) -> None:
    target = dataclasses.replace(three, on_failure=OnFailure.ROLLBACK)
    world.sync(target)
    record = world.record
    world.service.put("app", {"db": {"host": "bad"}})
    world.reload.script.append(_die)
    outcome = world.sync(target)
    assert outcome.error is not None
    assert outcome.error.reason == "RolledBack"
    assert world.path.read_text() == WITHOUT_HOST
    assert (world.record.versions, world.record.revisions) == (record.versions, record.revisions)
    assert outcome.reload is ReloadResult.RELOADED


def _die() -> None:
    raise ReloadFailed("it died of it")
