"""Each kind of refusal: the last good file stays, and the status says which revision was refused and why."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from config_sync.errors import CheckNotRunnable, FileError, UnexpectedResponse
from config_sync.formats.env import EnvFormat
from config_sync.model import AbsolutePath, ChangeEvent, FileSpec, Result, Target, Validate
from config_sync.reconciler import Occasion
from config_sync.status import Board, State, render
from config_sync.workqueue import Wake
from tests.unit.reconciler.world import World, checker, seen

SECRET = "hunter2"


def _plain(target: Target, _world: World) -> Target:
    return target


def _guarded(target: Target, world: World) -> Target:
    path = world.directory / "schema.json"
    path.write_text(json.dumps({"properties": {"port": {"type": "integer"}}}))
    return dataclasses.replace(target, schema=AbsolutePath(str(path)))


def _checked(target: Target, _world: World) -> Target:
    return dataclasses.replace(target, validate=checker(f"! grep -q {SECRET} $1"))


def _checked_in_place(target: Target, _world: World) -> Target:
    return dataclasses.replace(target, validate=checker(f"! grep -q {SECRET} $1", in_place=True))


def _as_env(target: Target, _world: World) -> Target:
    files: tuple[FileSpec, ...] = tuple(dataclasses.replace(one, format=EnvFormat()) for one in target.files)
    return dataclasses.replace(target, files=files)


Change = Callable[[Target, World], Target]

KINDS: dict[str, tuple[Change, object, str, bool]] = {
    "decrypt": (_plain, {"port": SECRET}, "DecryptFailed", False),
    "document": (_plain, f'{{"port": {SECRET}}}'.encode(), "DocumentNotJson", False),
    "schema": (_guarded, {"port": SECRET}, "SchemaRefused", True),
    "empty": (_plain, {}, "EmptyRefused", True),
    "render": (_as_env, {"a-b": SECRET, "a_b": SECRET}, "RenderRefused", True),
    "validate": (_checked, {"port": SECRET}, "CheckRejected", True),
    "validate-in-place": (_checked_in_place, {"port": SECRET}, "CheckRejected", True),
}


@pytest.mark.parametrize("tells_version", [True, False], ids=["told by the service", "told by the event"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_keeps_the_last_good_file_and_names_what_was_refused(
    world: World, kind: str, tells_version: bool
) -> None:
    change, content, reason, has_revision = KINDS[kind]
    target = change(world.target(), world)
    world.service.tells_version = tells_version
    world.service.put("app", {"port": 1})
    assert world.sync(target).result is Result.CHANGED
    before, record = seen(world.path).content, world.record
    version = world.service.put("app", content)
    if kind == "decrypt":
        world.service.damage["app"] = lambda sealed: sealed[:-1]
    occasion = Occasion(hints={"app": ChangeEvent("app", version)})
    outcome = world.sync(target, Wake.EVENT, occasion=occasion)
    assert outcome.error is not None
    assert outcome.error.reason == reason
    assert seen(world.path).content == before
    assert (world.record.version, world.record.revision) == (record.version, record.revision)
    assert outcome.error.refused is not None
    assert outcome.error.refused.version == version
    assert (outcome.error.refused.revision is not None) is has_revision
    board = Board(world.clock, stale_after_s=900.0)
    board.expect(target, world.record)
    board.settled(outcome, world.record)
    (status,) = board.statuses()
    assert status.state is State.REJECTED
    page = json.dumps(render(board, host=None, started_at=0.0))
    assert f'"refused": {{"version": {version}, ' in page
    assert f'"reason": "{reason}"' in page
    assert SECRET not in page


def test_an_answer_over_the_size_leaves_the_last_good_file_and_refuses_no_revision(world: World) -> None:
    target = world.target()
    world.service.put("app", {"port": 1})
    world.sync(target)
    before = seen(world.path)
    world.service.fail("app", UnexpectedResponse("over max_size", reason="AnswerTooLarge"))
    outcome = world.sync(target, Wake.EVENT)
    assert outcome.error is not None
    assert (outcome.error.reason, outcome.error.refused) == ("AnswerTooLarge", None)
    assert seen(world.path) == before


def test_a_checker_that_cannot_be_started_has_refused_nothing(world: World) -> None:
    world.service.put("app", {"port": 1})
    target = dataclasses.replace(world.target(), validate=Validate(("/no/such/checker", "{file}")))
    outcome = world.sync(target)
    assert isinstance(outcome.error, CheckNotRunnable)
    assert outcome.error.refused is None


def test_a_failed_write_is_no_refusal_and_names_no_revision(world: World) -> None:
    world.service.put("app", {"port": 1})
    spec = dataclasses.replace(world.spec(), path=AbsolutePath(f"{world.etc}/missing/app.json"))
    outcome = world.sync(world.target(spec))
    assert isinstance(outcome.error, FileError)
    assert outcome.error.refused is None
