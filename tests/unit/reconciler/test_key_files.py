"""The format ``files``: a directory with one file for each key, switched as one set, whatever becomes of the keys."""

from __future__ import annotations

import dataclasses
import os

import pytest

from config_sync.errors import ReloadFailed
from config_sync.formats.files import FilesFormat
from config_sync.model import (
    AbsolutePath,
    ConfigName,
    ConfigRef,
    FileSpec,
    Layout,
    OnFailure,
    ReloadResult,
    Result,
    Target,
    Validate,
)
from config_sync.reloads.command import CommandReload
from config_sync.workqueue import Wake
from tests.unit.reconciler.test_dying import EVERY, killed_at
from tests.unit.reconciler.world import World

SECRETS = {"password": "hunter2", "tls.crt": "-----BEGIN-----\nabc\n", "port": 5432, "tags": ["a", 1.5], "off": None}
ON_DISK = {"password": b"hunter2", "tls.crt": b"-----BEGIN-----\nabc\n", "port": b"5432", "tags": b'["a",1.5]'}


def key_set(world: World, *, allow_empty: bool = False, validate: Validate | None = None) -> Target:
    """One file a key of the config ``app``, in the world's directory."""
    spec = FileSpec(AbsolutePath(str(world.etc)), ConfigRef(ConfigName("app")), FilesFormat(), allow_empty=allow_empty)
    made = world.target(spec, validate=validate)
    return dataclasses.replace(made, layout=Layout.DIRECTORY, key_set=spec)


def on_disk(world: World) -> dict[str, bytes]:
    """What a reader finds in the directory: names that are not hidden, through their links."""
    return {name: (world.etc / name).read_bytes() for name in world.names if not name.startswith(".")}


def generation(world: World) -> str:
    return os.readlink(world.etc / "..data")


def test_each_key_is_a_file_with_the_exact_bytes_of_its_value(world: World) -> None:
    world.service.put("app", SECRETS)

    outcome = world.sync(key_set(world))

    assert (outcome.error, outcome.result, outcome.reload) == (None, Result.CHANGED, ReloadResult.RELOADED)
    assert on_disk(world) == ON_DISK
    assert [path.name for path in outcome.wrote] == list(ON_DISK)
    assert [path.name for path in world.reload.orders[0].files] == list(ON_DISK)
    assert (world.etc / "password").stat().st_mode & 0o777 == 0o640


def test_nothing_new_makes_no_write_also_in_another_process(world: World) -> None:
    world.service.put("app", SECRETS)
    target = key_set(world)
    world.sync(target)
    before = generation(world)
    for wake in (Wake.RESYNC, Wake.FILES):
        assert world.sync(target, wake).result is Result.UNCHANGED
    world.restart()
    assert world.sync(target).result is Result.UNCHANGED
    assert (generation(world), len(world.reload.orders)) == (before, 1)


def test_keys_come_and_go_with_one_switch_and_one_reload(world: World) -> None:
    target = key_set(world)
    world.service.put("app", {"a": "1", "b": "2"})
    world.sync(target)
    world.service.put("app", {"b": "2", "c": "3"})

    outcome = world.sync(target, Wake.EVENT)

    assert (outcome.error, outcome.reload) == (None, ReloadResult.RELOADED)
    assert on_disk(world) == {"b": b"2", "c": b"3"}
    assert len(world.reload.orders) == 2
    assert sorted(world.record.written) == [str(world.etc / name) for name in ("b", "c")]
    assert not world.owes()


def test_a_set_that_lost_a_key_is_validated_before_the_key_goes(world: World) -> None:
    needs_b = Validate(("/bin/sh", "-c", 'test -e "$1/b"', "sh", "{dir}"))
    target = key_set(world, validate=needs_b)
    world.service.put("app", {"a": "1", "b": "2"})
    assert world.sync(target).error is None
    world.service.put("app", {"a": "1"})

    outcome = world.sync(target, Wake.EVENT)

    assert outcome.error is not None
    assert outcome.error.reason == "CheckRejected"
    assert on_disk(world) == {"a": b"1", "b": b"2"}
    world.service.put("app", {"a": "1", "b": "3"})
    assert world.sync(target, Wake.EVENT).error is None
    assert on_disk(world) == {"a": b"1", "b": b"3"}


@pytest.mark.parametrize(("content", "words"), [({}, "no keys"), ({"a": None}, "no keys")], ids=["empty", "nulls"])
def test_a_document_without_keys_empties_no_set_unless_allowed(world: World, content: object, words: str) -> None:
    world.service.put("app", {"a": "1"})
    world.sync(key_set(world))
    world.service.put("app", content)

    outcome = world.sync(key_set(world), Wake.EVENT)

    assert outcome.error is not None
    assert (outcome.error.reason, words in outcome.error.message) == ("EmptyRefused", True)
    assert on_disk(world) == {"a": b"1"}
    allowed = key_set(world, allow_empty=True)
    assert world.sync(allowed, Wake.EVENT).error is None
    assert on_disk(world) == {}
    assert len(world.reload.orders) == 2
    assert world.sync(allowed, Wake.FILES).result is Result.UNCHANGED
    world.service.put("app", {"b": "2"})
    assert world.sync(allowed, Wake.EVENT).error is None
    assert on_disk(world) == {"b": b"2"}


def test_a_first_document_without_keys_is_a_set_without_files(world: World) -> None:
    world.service.put("app", {})
    target = key_set(world)
    assert not world.record.has_written(target)

    assert world.sync(target).error is None

    assert on_disk(world) == {}
    assert world.record.has_written(target)


def test_a_hook_may_ask_for_the_directory_of_a_set_without_files(world: World) -> None:
    asks = CommandReload(("/bin/sh", "-c", 'echo "$1" > "$1/../told"', "sh", "{dir}"), timeout_s=60.0)
    target = dataclasses.replace(key_set(world, allow_empty=True), reload=(asks,))
    world.service.put("app", {"a": "1"})
    world.sync(target)
    world.service.put("app", {})

    outcome = world.sync(target, Wake.EVENT)

    assert outcome.error is None
    assert (world.directory / "told").read_text() == f"{world.etc}\n"


@pytest.mark.parametrize(
    "key", ["..", "..data", "a/b", "", ".", "é", "a b", "x" * 254, ".config-sync-0123456789abcdef.stage"]
)
def test_a_key_that_is_no_file_name_is_refused_and_the_last_good_set_stays(world: World, key: str) -> None:
    target = key_set(world)
    world.service.put("app", {"a": "1"})
    world.sync(target)
    world.service.put("app", {"a": "2", key: "hunter2"})

    outcome = world.sync(target, Wake.EVENT)

    assert outcome.error is not None
    assert outcome.error.reason == "RenderRefused"
    assert "hunter2" not in f"{outcome.error.message} {outcome.error.hint}"
    assert on_disk(world) == {"a": b"1"}


def test_an_edit_and_a_lost_file_are_put_right_without_the_service(world: World) -> None:
    target = key_set(world)
    world.service.put("app", {"a": "1", "b": "2"})
    world.sync(target)
    (world.etc / "a").write_text("mine")
    assert world.sync(target, Wake.FILES).error is None
    assert on_disk(world) == {"a": b"1", "b": b"2"}
    (world.etc / "b").unlink()
    assert world.sync(target, Wake.FILES).error is None
    assert on_disk(world) == {"a": b"1", "b": b"2"}


def test_a_rollback_brings_back_a_key_that_had_vanished(world: World) -> None:
    target = dataclasses.replace(key_set(world), on_failure=OnFailure.ROLLBACK)
    world.service.put("app", {"a": "1", "b": "2"})
    assert world.sync(target).error is None
    world.service.put("app", {"b": "2", "c": "bad"})
    world.reload.script.append(ReloadFailed("it died of it"))

    outcome = world.sync(target, Wake.EVENT)

    assert outcome.error is not None
    assert outcome.error.reason == "RolledBack"
    assert on_disk(world) == {"a": b"1", "b": b"2"}
    world.sync(target, Wake.RESYNC)
    assert on_disk(world) == {"a": b"1", "b": b"2"}
    world.service.put("app", {"c": "3"})
    assert world.sync(target, Wake.EVENT).error is None
    assert on_disk(world) == {"c": b"3"}


def test_a_plain_file_may_stand_in_the_same_directory_if_no_key_has_its_name(world: World) -> None:
    plain = world.spec("main.json", "other")
    target = key_set(world)
    both = dataclasses.replace(target, files=(plain, *target.files))
    world.service.put("other", {"v": 1})
    world.service.put("app", {"a": "1"})
    assert world.sync(both).error is None
    assert on_disk(world) == {"a": b"1", "main.json": b'{"v": 1}'}
    world.service.put("app", {"a": "1", "main.json": "x"})

    outcome = world.sync(both, Wake.EVENT)

    assert outcome.error is not None
    assert "'main.json'" in outcome.error.message
    assert on_disk(world) == {"a": b"1", "main.json": b'{"v": 1}'}


def test_a_death_at_any_call_leaves_one_whole_set_and_the_next_pass_the_new_one(world: World) -> None:
    old, new = {"a": b"1", "b": b"2"}, {"b": b"3", "c": b"4"}
    for call in range(1, 10_000, EVERY):
        place = world.directory / str(call)
        place.mkdir()
        one = World(place)
        target = key_set(one)
        one.service.put("app", {name: content.decode() for name, content in old.items()})
        assert one.sync(target).error is None
        one.service.put("app", {name: content.decode() for name, content in new.items()})
        has_died = killed_at(call, one, target)
        shown = one.etc / generation(one)
        assert {path.name: path.read_bytes() for path in shown.iterdir()} in (old, new)
        one.restart()
        assert one.sync(target).error is None
        assert on_disk(one) == new
        assert not one.owes()
        if not has_died:
            return
    raise AssertionError("the pass never came to its end")
