from __future__ import annotations

import grp
from collections.abc import Mapping
from pathlib import Path

import pytest

from config_sync.errors import Problem, SettingsError, UsageError
from config_sync.settings import Arguments, Settings, from_arguments
from tests.unit.settings.given import HOST


def settings_of(arguments: Arguments, *, environ: Mapping[str, str] = HOST) -> Settings:
    return from_arguments(arguments, environ=environ, needs_service=True)


def problem_of(arguments: Arguments, *, environ: Mapping[str, str] = HOST) -> Problem:
    with pytest.raises(SettingsError) as caught:
        settings_of(arguments, environ=environ)
    assert caught.value.message == "1 problem in the command line"
    (problem,) = caught.value.problems
    return problem


def test_each_file_is_a_target_of_its_own_with_a_path_made_absolute(tmp_path: Path) -> None:
    found = settings_of(Arguments(str(tmp_path), files=("one=one.yaml", "two=/srv/two.json", "three=../x/./three.env")))

    assert [(target.name, target.files[0].path) for target in found.targets] == [
        ("one", f"{tmp_path}/one.yaml"),
        ("two", "/srv/two.json"),
        ("three", f"{tmp_path.parent}/x/three.env"),
    ]
    assert [target.files[0].source.name for target in found.targets] == ["one", "two", "three"]
    assert [target.files[0].format.name for target in found.targets] == ["yaml", "json", "env"]
    assert found.service.host == "https://config.example"


def test_options_hold_for_every_file() -> None:
    found = settings_of(
        Arguments(
            "/srv",
            files=("one=one", "two=two"),
            environment="production",
            format="json",
            mode="600",
            group=grp.getgrgid(0).gr_name,
            ca_file="ca.pem",
        )
    )

    for target in found.targets:
        (spec,) = target.files
        assert (spec.source.environment, spec.format.name, spec.mode, spec.gid) == ("production", "json", 0o600, 0)
    assert found.service.ca_file == "/srv/ca.pem"


def test_allow_insecure_lets_plain_http_through() -> None:
    environ = {"CONFIG_SERVICE_HOST": "http://config.example"}

    problem = problem_of(Arguments("/srv", files=("a=a.json",)), environ=environ)
    found = settings_of(Arguments("/srv", files=("a=a.json",), allow_insecure=True), environ=environ)

    assert "--allow-insecure" in (problem.hint or "")
    assert found.service.allow_insecure


@pytest.mark.parametrize(
    ("arguments", "kind", "described"),
    [
        (Arguments("/srv", files=("a=a.json",), signal="HUP", pidfile="a.pid"), "signal", "/srv/a.pid"),
        (Arguments("/srv", files=("a=a.json",), systemd="a.service"), "systemd", "a.service"),
        (Arguments("/srv", files=("a=a.json",), hook="kill -HUP $(pidof a)"), "command", "shell"),
    ],
    ids=["signal", "systemd", "hook"],
)
def test_one_reload_is_given_by_options(arguments: Arguments, kind: str, described: str) -> None:
    (target,) = settings_of(arguments).targets

    assert [reload.kind for reload in target.reload] == [kind]
    assert described in target.reload[0].describe()


@pytest.mark.parametrize(
    ("arguments", "option", "message"),
    [
        (Arguments("/srv", files=("a=a.conf",)), "--file", "does not say the format"),
        (Arguments("/srv", files=("a/b=a.json",)), "--file", "a target's name has no '/'"),
        (Arguments("/srv", files=("a=a.json",), format="toml"), "--format", "expected one of json"),
        (Arguments("/srv", files=("a=a.json",), mode="u+r"), "--mode", "expected a quoted octal mode"),
        (Arguments("/srv", files=("a=a.json",), group="qzxwvk"), "--group", "no group 'qzxwvk'"),
        (Arguments("/srv", files=("a=a.json",), environment=""), "--environment", "the name of an environment"),
        (Arguments("/srv", files=("a=a.json",), signal="TERM", pidfile="/p"), "--signal", ""),
        (Arguments("/srv", files=("a=a.json", "b=../srv/a.json")), "--file", "write one file"),
    ],
    ids=["no-format", "name", "format", "mode", "group", "environment", "signal", "same-path"],
)
def test_wrong_value_names_its_option(arguments: Arguments, option: str, message: str) -> None:
    problem = problem_of(arguments)

    assert (problem.file, problem.line) == (option, 0)
    assert message in problem.message
    assert str(problem).startswith(f"{option}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (Arguments("/srv", files=("a.json",)), "--file 'a.json' is not NAME=PATH"),
        (Arguments("/srv", files=("=a.json",)), "is not NAME=PATH"),
        (Arguments("/srv", files=("a=",)), "is not NAME=PATH"),
        (Arguments("/srv", files=("a=a.json", "a=b.json")), "--file names 'a' twice"),
        (Arguments("/srv", files=("a=a.json",), signal="HUP"), "--signal needs --pidfile"),
        (Arguments("/srv", files=("a=a.json",), pidfile="/p"), "--pidfile needs --signal"),
        (Arguments("/srv", files=("a=a.json",), systemd="a", hook="b"), "--systemd and --hook exclude each other"),
    ],
    ids=["no-name", "empty-name", "empty-path", "twice", "no-pidfile", "no-signal", "two-reloads"],
)
def test_options_that_do_not_fit_together_are_usage_errors(arguments: Arguments, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of(arguments)

    assert message in caught.value.message


def test_no_files_at_all_serve_commands_that_only_ask_the_service() -> None:
    found = settings_of(Arguments("/srv"))

    assert found.targets == ()
    assert found.warnings == ()
    assert found.service.host == "https://config.example"


def test_missing_host_is_told_of_the_command_line_as_a_whole() -> None:
    problem = problem_of(Arguments("/srv", files=("a=a.json",), ca_file="/ca.pem"), environ={})

    assert str(problem).startswith("the command line: service.host: the service's address is missing")


def test_variables_on_the_command_line_are_the_shell_s_business() -> None:
    found = settings_of(Arguments("/srv", files=("a=${X}.json",)), environ={**HOST, "X": "no"})

    assert found.targets[0].files[0].path == "/srv/${X}.json"
