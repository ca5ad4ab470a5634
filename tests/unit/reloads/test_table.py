"""The table of kinds: what each declares, builds and refuses."""

from __future__ import annotations

import signal

import pytest

from config_sync.fields import Invalid, ListNode, MapNode, Node, Place, Problems, ScalarNode, parse_table
from config_sync.model import Reload
from config_sync.reloads import RELOADS, CommandReload, SystemdReload

PLACE = Place("settings.yaml", 1, 1, "reload")


def node(given: object) -> Node:
    """Plain data as the settings reader would give it."""
    if isinstance(given, dict):
        entries = {str(key): node(value) for key, value in given.items()}
        return MapNode(PLACE, entries, dict.fromkeys(entries, PLACE))
    if isinstance(given, list):
        return ListNode(PLACE, tuple(node(item) for item in given))
    tag = {bool: "bool", int: "int", type(None): "null"}.get(type(given), "str")
    return ScalarNode(PLACE, str(given).lower() if tag == "bool" else str(given), tag)


def build(kind: str, given: dict[str, object]) -> Reload:
    problems = Problems()
    try:
        return RELOADS[kind].build(parse_table(RELOADS[kind].fields, node(given), problems))
    except Invalid:
        raise ValueError("; ".join(f"{one.message} | {one.hint}" for one in problems.errors)) from None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"systemd": "nginx"}, SystemdReload("nginx.service"), id="systemd-suffix-added"),
        pytest.param(
            {"systemd": "app@1.service", "action": "restart"}, SystemdReload("app@1.service", "restart"), id="systemd"
        ),
        pytest.param(
            {"signal": "HUP", "pidfile": "/run/a.pid"},
            lambda one: one.signal is signal.SIGHUP and one.pidfile == "/run/a.pid",
            id="signal",
        ),
        pytest.param(
            {"signal": "SIGUSR1", "pidfile": "/run/a.pid"}, lambda one: one.signal is signal.SIGUSR1, id="signal-long"
        ),
        pytest.param({"command": ["nginx", "-s", "reload"]}, CommandReload(("nginx", "-s", "reload")), id="command"),
        pytest.param(
            {"command": "a | b", "shell": True, "timeout": "5s", "env": {"A": "b"}},
            CommandReload((), "a | b", 5.0, {"A": "b"}),
            id="shell",
        ),
    ],
)
def test_what_is_written_becomes_a_reload(given: dict[str, object], expected: object) -> None:
    built = build(next(iter(given)), given)
    assert built.kind == next(iter(given))
    assert expected(built) if callable(expected) else built == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"signal": "HUP"}, "needs a `pidfile`", id="signal-without-process"),
        pytest.param({"signal": "TERM", "pidfile": "/run/a.pid"}, "for a restart use", id="signal-that-ends"),
        pytest.param({"signal": "hup", "pidfile": "/run/a.pid"}, "did you mean HUP", id="signal-lower"),
        pytest.param({"signal": "HUP", "unit": "a.service"}, "'unit' is not in this version", id="signal-unit"),
        pytest.param({"signal": "HUP", "exe": "/bin/a"}, "'exe' is not in this version", id="signal-exe"),
        pytest.param({"signal": "HUP", "pidfile": "a.pid"}, "absolute path", id="relative-pidfile"),
        pytest.param({"systemd": "a b"}, "a unit's name", id="unit-with-space"),
        pytest.param({"systemd": "nginx*"}, "a unit's name", id="unit-glob"),
        pytest.param({"systemd": "--force"}, "a unit's name", id="unit-option"),
        pytest.param({"systemd": "app@.service"}, "needs its instance", id="unit-template"),
        pytest.param({"systemd": "nginx", "action": "stop"}, "one of try-reload-or-restart", id="action"),
        pytest.param({"command": "nginx -s reload"}, "needs `shell: true`", id="text-without-shell"),
        pytest.param({"command": ["a"], "shell": True}, "needs a text", id="list-with-shell"),
        pytest.param({"command": []}, "not an empty list", id="empty-list"),
        pytest.param({"command": " ", "shell": True}, "not empty", id="empty-text"),
        pytest.param({"command": None}, "expected a list of words", id="null"),
        pytest.param({"command": ["a"], "timeout": "0s"}, "", id="no-time"),
        pytest.param({"command": ["a"], "user": "app"}, "'user' is not in this version", id="user"),
        pytest.param({"command": ["a"], "cwd": "/"}, "'cwd' is not in this version", id="cwd"),
        pytest.param({"command": ["a"], "env": {"A-B": "c"}}, "'A-B' cannot be one", id="variable-name"),
        pytest.param(
            {"command": ["a"], "env": {"CONFIG_SYNC_TARGET": "c"}}, "by config-sync itself", id="own-variable"
        ),
        pytest.param({"http": "http://localhost/"}, "'http' is not in this version", id="http"),
        pytest.param({"touch": "/run/stamp"}, "'touch' is not in this version", id="touch"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        build(next(iter(given)), given)
    assert says in str(caught.value)


@pytest.mark.parametrize("word", RELOADS)
def test_the_first_field_of_a_kind_is_its_word_and_all_are_documented(word: str) -> None:
    kind = RELOADS[word]
    assert kind.key == word
    assert kind.fields[0].key == word
    assert kind.doc
    assert all(one.doc for one in kind.fields)


def test_a_description_holds_neither_arguments_nor_variables() -> None:
    built = CommandReload(("login", "--password", "hunter22"), env={"TOKEN": "hunter22"})
    shell = CommandReload((), "login hunter22")
    assert built.describe() == "the command login"
    assert shell.describe() == "a shell command"
    assert build("signal", {"signal": "HUP", "pidfile": "/run/a.pid"}).describe() == "SIGHUP to the pid in /run/a.pid"
    assert "hunter22" not in repr(CommandReload(("login",), env={"TOKEN": "hunter22"}))
