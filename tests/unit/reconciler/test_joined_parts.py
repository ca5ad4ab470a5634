from __future__ import annotations

import dataclasses
import json

import pytest

from config_sync.errors import (
    EmptyRefused,
    RenderRefused,
    SelectionMissing,
)
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import FilesFormat
from config_sync.formats.template import compile_template
from config_sync.model import (
    AbsolutePath,
    Layout,
    Result,
    Target,
)
from tests.unit.reconciler.joining import WITHOUT_HOST, joined, part
from tests.unit.reconciler.world import World


@pytest.fixture
def three(world: World) -> Target:
    """A file of three configs, two of which are there."""
    world.service.put("common", b'{"db": {"host": "a", "port": 5432}, "level": 1.10, "spare": 1}')
    world.service.put("app", b'{"db": {"host": "b"}, "spare": null}')
    return world.target(joined(world))


def test_a_part_is_the_whole_file(world: World) -> None:
    world.service.put("app", b'{"db": {"host": "a", "n": 1.10}, "other": 1}')
    spec = dataclasses.replace(world.spec(), select="/db")
    world.sync(world.target(spec))
    assert world.path.read_text() == '{"host":"a","n":1.10}'
    world.service.put("app", b'{"db": {"host": "a", "n": 1.10}, "other": 2}')
    assert world.sync(world.target(spec)).result is Result.UNCHANGED


def test_a_part_that_is_missing_is_refused_and_the_last_good_stays(world: World) -> None:
    world.service.put("app", {"db": {"host": "secret-host"}})
    target = world.target(dataclasses.replace(world.spec(), select="/db/host"))
    world.sync(target)
    world.service.put("app", {"db": {"hast": "secret-host"}})
    outcome = world.sync(target)
    assert isinstance(outcome.error, SelectionMissing)
    assert outcome.error.message == (
        "nothing is at /db/host of config 'app': the nearest that is there is /db, an object"
    )
    assert world.path.read_text() == '"secret-host"'


def test_the_part_may_come_from_either_of_a_merge(world: World, three: Target) -> None:
    target = world.target(joined(world, select="/name"))
    outcome = world.sync(target)
    assert isinstance(outcome.error, SelectionMissing)
    assert "of the merge of 'common', 'app' and 'host'" in outcome.error.message
    world.service.put("host", {"name": "h1"})
    assert world.sync(target).result is Result.CHANGED
    assert world.path.read_text() == '"h1"'


def test_what_a_format_refuses_is_told_with_its_pointer_and_where_that_begins(world: World, three: Target) -> None:
    world.service.put("app", {"db": {"a-b": 1, "a_b": 2}})
    outcome = world.sync(world.target(joined(world, select="/db", form=EnvFormat())))
    assert isinstance(outcome.error, RenderRefused)
    assert outcome.error.message == (
        "A_B is produced by both /a-b and /a_b (in /db of the merge of 'common', 'app' and 'host')"
    )


@pytest.mark.parametrize("allows", [False, True], ids=["refused", "allowed"])
def test_an_empty_result_does_not_replace_content(world: World, three: Target, allows: bool) -> None:
    target = world.target(joined(world, allow_empty=allows))
    world.sync(target)
    world.service.put("common", {"a": 1})
    world.service.put("app", {"a": None})
    outcome = world.sync(target)
    if allows:
        assert world.path.read_text() == "{}"
        return
    assert isinstance(outcome.error, EmptyRefused)
    assert "the merge of 'common', 'app' and 'host' is empty" in outcome.error.message
    assert world.path.read_text() == WITHOUT_HOST


def test_an_empty_one_among_them_is_no_empty_document(world: World, three: Target) -> None:
    world.sync(three)
    world.service.put("app", {})
    assert world.sync(three).result is Result.CHANGED
    assert json.loads(world.path.read_text())["spare"] == 1


# ---- formats that take more than one document


def test_a_set_of_files_is_made_of_a_merge(world: World) -> None:
    world.service.put("common", {"secrets": {"a": "1", "b": "2"}})
    world.service.put("app", {"secrets": {"b": None, "c": "3"}})
    spec = joined(world, part("common"), part("app"), name="set", select="/secrets", form=FilesFormat())
    target = dataclasses.replace(world.target(spec), layout=Layout.DIRECTORY, key_set=spec)
    world.etc.joinpath("set").mkdir()
    world.sync(target)
    there = sorted(path.name for path in world.etc.joinpath("set").iterdir() if not path.name.startswith("."))
    assert there == ["a", "c"]
    assert world.etc.joinpath("set", "c").read_text() == "3"


def test_a_template_sees_each_config_and_the_merge(world: World, three: Target) -> None:
    text = '{{ db.host }} {{ configs.common.db.host }} {{ configs["app"].db.host }} {{ configs.host is defined }}'
    form = compile_template(AbsolutePath("/etc/a.j2"), text)
    target = world.target(joined(world, form=form))
    world.sync(target)
    assert world.path.read_text() == "b a b false"
    world.service.put("host", {"db": {"host": "h"}})
    world.sync(target)
    assert world.path.read_text() == "h a b true"


def test_a_template_sees_whole_configs_beside_a_selected_part(world: World) -> None:
    world.service.put("app", {"db": {"host": "a"}, "level": 1.5})
    form = compile_template(AbsolutePath("/etc/a.j2"), "{{ host }} {{ configs.app.level }}")
    world.sync(world.target(dataclasses.replace(world.spec(), select="/db", format=form)))
    assert world.path.read_text() == "a 1.5"
