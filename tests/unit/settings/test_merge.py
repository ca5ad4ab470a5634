"""``merge`` and ``select``: what a file is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from config_sync.model import ConfigName, ConfigRef, Part
from tests.unit.settings.given import load_text, problem_of


def ref(name: str, environment: str | None = None, version: int | None = None) -> ConfigRef:
    return ConfigRef(ConfigName(name), environment, version)


def of_file(keys: str, *, of_target: str = "", defaults: str = "{}") -> str:
    return f"{{defaults: {defaults}, targets: {{app: {{{of_target} files: [{{path: /srv/a.json, {keys}}}]}}}}}}"


def test_names_and_entries_inherit_the_environment(tmp_path: Path) -> None:
    keys = "merge: [common, {config: app, environment: staging, version: 3}, {config: host, optional: true}]"
    (target,) = load_text(tmp_path, of_file(keys, of_target="environment: prod,")).targets
    (spec,) = target.files
    assert spec.parts == (
        Part(ref("common", "prod")),
        Part(ref("app", "staging", 3)),
        Part(ref("host", "prod"), is_optional=True),
    )
    assert target.configs == tuple(part.ref for part in spec.parts)
    assert target.optional == {ref("host", "prod")}


def test_the_files_own_environment_goes_before_the_targets(tmp_path: Path) -> None:
    text = of_file("environment: e, merge: [a, b]", of_target="environment: prod,")
    assert load_text(tmp_path, text).targets[0].configs == (ref("a", "e"), ref("b", "e"))


def test_what_one_file_needs_is_not_optional_for_the_target(tmp_path: Path) -> None:
    files = "{path: /srv/a.json, merge: [a, {config: b, optional: true}]}, {path: /srv/b.json, config: b}"
    (target,) = load_text(tmp_path, f"targets: {{app: {{files: [{files}]}}}}").targets
    assert target.optional == frozenset()
    assert target.configs == (ref("a"), ref("b"))


def test_one_config_in_two_environments_may_be_merged(tmp_path: Path) -> None:
    text = of_file("merge: [{config: a, environment: base}, {config: a, environment: prod}]")
    assert load_text(tmp_path, text).targets[0].configs == (ref("a", "base"), ref("a", "prod"))


@pytest.mark.parametrize(
    ("keys", "defaults"),
    [("config: b", "{merge: [a, c]}"), ("merge: [b]", "{config: a, version: 7}")],
    ids=["config", "merge"],
)
def test_the_files_own_word_goes_before_a_default(tmp_path: Path, keys: str, defaults: str) -> None:
    assert load_text(tmp_path, of_file(keys, defaults=defaults)).targets[0].configs == (ref("b"),)


def test_null_undoes_a_default(tmp_path: Path) -> None:
    text = of_file("merge: null", defaults="{merge: [a, c]}")
    assert load_text(tmp_path, text).targets[0].configs == (ref("app"),)


@pytest.mark.parametrize(("written", "kept"), [("/db/url", "/db/url"), ("/a~1b/0", "/a~1b/0"), ("''", None)])
def test_a_part_is_selected_by_its_pointer(tmp_path: Path, written: str, kept: str | None) -> None:
    assert load_text(tmp_path, of_file(f"select: {written}")).targets[0].files[0].select == kept


EXPECTED = "a list of configs, such as [common, my-service, {config: my-host, optional: true}]"
WRONG: dict[str, tuple[str, str, str, str | None]] = {
    "with-config": ("config: a, merge: [b]", ".config", "'config' does not go with 'merge'", "name it in the list"),
    "with-version": (
        "version: 3, merge: [b]",
        ".version",
        "'version' does not go with 'merge'",
        "pin an entry: {config: NAME, version: N}",
    ),
    "twice": ("merge: [a, b, a]", ".merge", "'a' stands in the merge more than once", "remove one"),
    "empty": (
        "merge: []",
        ".merge",
        f"expected {EXPECTED}, not an empty list",
        None,
    ),
    "all-optional": (
        "merge: [{config: a, optional: true}]",
        ".merge",
        "every config of the merge is optional, and without any there is no document",
        "leave 'optional' out of one of them",
    ),
    "unknown-key": ("merge: [{config: a, optinal: true}]", ".merge[0].optinal", "unknown key 'optinal'", None),
    "no-name": ("merge: [a/b]", ".merge[0]", "a config name has no '/', not 'a/b'", None),
    "no-pointer": (
        "select: db/url",
        ".select",
        "expected a JSON pointer such as /db, in which ~1 is a slash and ~0 a tilde, not 'db/url'",
        "did you mean /db/url?",
    ),
    "bad-escape": (
        "select: /a~2",
        ".select",
        "expected a JSON pointer such as /db, in which ~1 is a slash and ~0 a tilde, not '/a~2'",
        None,
    ),
}


@pytest.mark.parametrize(("keys", "path", "message", "hint"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_at_its_place(
    tmp_path: Path, keys: str, path: str, message: str, hint: str | None
) -> None:
    problem = problem_of(tmp_path, of_file(keys))
    assert problem.path == f"targets.app.files[0]{path}"
    assert problem.message == message
    assert hint is None or problem.hint == hint


NAMED: dict[str, tuple[str, str, str]] = {
    "attribute": ("{{ configs.nope.x }}", "line 1: 'nope' is none", "the file is made of common, my-app: see 'merge'"),
    "item": ("\n{{ configs['nope'].x }}", "line 2: 'nope' is none", "the file is made of common, my-app: see 'merge'"),
    "dashed": ("{{ configs.my-app.x }}", "line 1: 'my' is none", 'write configs["my-app"]'),
}


@pytest.mark.parametrize(("template", "said", "hint"), NAMED.values(), ids=NAMED.keys())
def test_a_template_that_names_another_config_is_an_error(tmp_path: Path, template: str, said: str, hint: str) -> None:
    problem = problem_of(tmp_path, with_template(tmp_path, template))
    assert said in problem.message
    assert (problem.path, problem.hint) == ("targets.app.files[0].template", hint)


@pytest.mark.parametrize(
    "template",
    [
        "{{ configs.common.x }}{{ configs['my-app'].x }}",
        "{% for name, one in configs.items() %}{{ name }}{% endfor %}",
        "{% set configs = {} %}{{ configs.nope }}",
        "{% set name = 'common' %}{{ configs[name].x }}",
        "{{ config.configs.nope }}",
    ],
    ids=["known", "all", "a-name-of-its-own", "computed", "a-member"],
)
def test_other_templates_are_taken(tmp_path: Path, template: str) -> None:
    load_text(tmp_path, with_template(tmp_path, template))


def with_template(tmp_path: Path, text: str) -> str:
    source = tmp_path / "a.j2"
    source.write_text(text)
    keys = f"format: template, template: {{source: {source}}}, merge: [common, my-app]"
    return of_file(keys)
