"""``schema`` in a pass: what does not fit is never written, and the schema counts as it is now."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from config_sync.errors import SchemaRefused, SchemaUnusable
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import FilesFormat
from config_sync.model import AbsolutePath, FileSpec, Layout, Result, Target
from config_sync.workqueue import Wake
from tests.unit.reconciler.joining import joined, part
from tests.unit.reconciler.world import World, seen

PORT = {"required": ["port"], "properties": {"port": {"type": "integer"}}}


@pytest.fixture
def schema(world: World) -> Path:
    path = world.directory / "schema.json"
    path.write_text(json.dumps(PORT))
    return path


def guarded(world: World, schema: Path, *files: FileSpec) -> Target:
    return dataclasses.replace(world.target(*files), schema=AbsolutePath(str(schema)))


def test_a_document_that_does_not_fit_leaves_the_last_good_file_and_one_that_does_is_taken(
    world: World, schema: Path
) -> None:
    target = guarded(world, schema)
    world.service.put("app", {"port": 1})
    assert world.sync(target).result is Result.CHANGED
    before, record = seen(world.path), world.record
    world.service.put("app", {"port": "hunter2"})
    refused = world.sync(target, Wake.EVENT).error
    assert isinstance(refused, SchemaRefused)
    assert f"config 'app' does not fit the schema {schema}: /port is of another type" in refused.message
    assert "hunter2" not in f"{refused!r} {refused.hint}"
    assert refused.refused is not None
    assert refused.refused.version == 2
    assert refused.refused.revision not in (None, record.revision)
    assert seen(world.path) == before
    assert world.record == record
    world.service.put("app", {"port": 2})
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED


def test_the_first_of_many_misfits_are_told_with_the_count_of_the_others(world: World, schema: Path) -> None:
    schema.write_text('{"additionalProperties": {"type": "integer"}}')
    world.service.put("app", {f"a{number}": "x" for number in range(9)})
    error = world.sync(guarded(world, schema)).error
    assert error is not None
    assert error.message.count("is of another type") == 5
    assert error.message.endswith("; and 4 more")


def test_the_document_is_the_whole_whatever_part_a_file_is_made_of(world: World, schema: Path) -> None:
    world.service.put("app", {"port": 1, "db": {"host": "a"}})
    part_of = dataclasses.replace(world.spec(), select="/db")
    assert world.sync(guarded(world, schema, part_of)).result is Result.CHANGED


def test_a_merge_is_looked_at_as_a_whole_and_its_parts_are_not(world: World, schema: Path) -> None:
    world.service.put("common", {"port": "none"})
    world.service.put("app", {"port": 1})
    target = guarded(world, schema, joined(world, part("common"), part("app")))
    assert world.sync(target).result is Result.CHANGED
    world.service.put("app", {"port": None})
    error = world.sync(target, Wake.EVENT).error
    assert isinstance(error, SchemaRefused)
    assert "the merge of 'common' and 'app' does not fit" in error.message


def test_every_document_of_a_target_must_fit(world: World, schema: Path) -> None:
    world.service.put("app", {"port": 1})
    world.service.put("other", {})
    error = world.sync(guarded(world, schema, world.spec(), world.spec("b.json", "other"))).error
    assert isinstance(error, SchemaRefused)
    assert "config 'other'" in error.message
    assert world.names == []


def test_it_comes_before_what_a_format_refuses_and_before_an_empty_document(world: World, schema: Path) -> None:
    target = guarded(world, schema, dataclasses.replace(world.spec("app.env"), format=EnvFormat()))
    world.service.put("app", {"a-b": 1, "a_b": 2})
    assert isinstance(world.sync(target).error, SchemaRefused)
    world.service.put("app", {})
    assert isinstance(world.sync(target).error, SchemaRefused)


def test_a_set_of_files_is_guarded_by_its_document(world: World, schema: Path) -> None:
    spec = dataclasses.replace(
        world.spec(), path=AbsolutePath(str(world.etc / "set")), format=FilesFormat(), create_parents=True
    )
    target = dataclasses.replace(guarded(world, schema, spec), layout=Layout.DIRECTORY, key_set=spec)
    world.service.put("app", {"port": "x"})
    assert isinstance(world.sync(target).error, SchemaRefused)
    world.service.put("app", {"port": 1})
    assert world.sync(target, Wake.EVENT).result is Result.CHANGED


def test_a_changed_schema_counts_at_the_next_pass(world: World, schema: Path) -> None:
    target = guarded(world, schema)
    world.service.put("app", {"port": "x"})
    assert isinstance(world.sync(target).error, SchemaRefused)
    schema.write_text(json.dumps({"required": ["port"]}))  # in place: the same inode
    assert world.sync(target, Wake.RESYNC).result is Result.CHANGED
    replaced = schema.with_name("new")
    replaced.write_text(json.dumps(PORT))
    os.replace(replaced, schema)
    assert isinstance(world.sync(target, Wake.RESYNC).error, SchemaRefused)


@pytest.mark.parametrize("text", [None, "{", '{"type": "bogus"}', '{"$ref": "http://127.0.0.1:9/x"}'])
def test_a_schema_that_is_gone_or_bad_is_a_local_failure_and_nothing_is_written(
    world: World, schema: Path, text: str | None
) -> None:
    target = guarded(world, schema)
    if text is None:
        schema.unlink()
    else:
        schema.write_text(text)
    world.service.put("app", {"port": 1})
    error = world.sync(target).error
    assert isinstance(error, SchemaUnusable)
    assert str(schema) in error.message
    assert world.names == []
    schema.write_text(json.dumps(PORT))
    assert world.sync(target, Wake.RETRY).result is Result.CHANGED


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_a_schema_that_is_no_file_is_unusable_at_once(world: World, schema: Path, make: Callable[[Path], None]) -> None:
    schema.unlink()
    make(schema)
    world.service.put("app", {"port": 1})
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert isinstance(world.sync(guarded(world, schema)).error, SchemaUnusable)
    assert len(os.listdir("/proc/self/fd")) <= before + 1, "no descriptor is left behind"
