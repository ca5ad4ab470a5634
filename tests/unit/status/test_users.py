"""Config to targets, kept up as targets come, change and go."""

from __future__ import annotations

from config_sync.formats.json_ import JsonFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Target
from config_sync.status.users import Users


def target(name: str, *configs: str, version: int | None = None) -> Target:
    refs = [ConfigRef(ConfigName(config), version=version) for config in configs]
    files = (FileSpec(AbsolutePath(f"/etc/{name}-{ref.name}"), ref, JsonFormat()) for ref in refs)
    return Target(name, tuple(files))


def test_each_config_names_the_targets_that_use_it_in_their_order() -> None:
    users = Users()
    users.put(target("b", "shared", "own"))
    users.put(target("a", "shared"))
    assert users.of("shared") == ("b", "a")
    assert users.of("own") == ("b",)
    assert users.of("unknown") == ()


def test_a_target_that_changed_is_known_by_its_new_configs_only() -> None:
    users = Users()
    users.put(target("app", "old", "both"))
    users.put(target("app", "new", "both"))
    assert users.of("old") == ()
    assert "old" not in users
    assert users.of("new") == users.of("both") == ("app",)


def test_a_target_that_went_is_not_named_and_its_configs_are_forgotten() -> None:
    users = Users()
    users.put(target("one", "shared", "own"))
    users.put(target("two", "shared"))
    users.drop("one")
    users.drop("nobody")
    assert users.of("shared") == ("two",)
    assert "own" not in users


def test_a_pinned_version_is_not_watched() -> None:
    users = Users()
    users.put(target("app", "app", version=3))
    assert "app" not in users
