"""The table of kinds: what each declares, builds and refuses."""

from __future__ import annotations

import re
import signal

import pytest

from config_sync.fields import Invalid, ListNode, MapNode, Node, Place, Problems, ScalarNode, parse_table
from config_sync.model import AbsolutePath, Reload, Secret
from config_sync.process import account_of
from config_sync.reloads import RELOADS, CommandReload, HttpReload, SignalReload, SystemdReload, TouchReload
from config_sync.reloads.main_process import ByUnit
from config_sync.reloads.matching import ByCmdline, ByExe
from config_sync.reloads.pidfile import ByPidFile

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
            SignalReload(signal.SIGHUP, ByPidFile(AbsolutePath("/run/a.pid"))),
            id="signal",
        ),
        pytest.param(
            {"signal": "SIGUSR1", "pidfile": "/run/a.pid"}, lambda one: one.signal is signal.SIGUSR1, id="signal-long"
        ),
        pytest.param(
            {"signal": "HUP", "unit": "nginx"}, SignalReload(signal.SIGHUP, ByUnit("nginx.service")), id="signal-unit"
        ),
        pytest.param(
            {"signal": "HUP", "exe": "/usr/sbin/nginx"},
            SignalReload(signal.SIGHUP, ByExe(AbsolutePath("/usr/sbin/nginx"))),
            id="signal-exe",
        ),
        pytest.param(
            {"signal": "HUP", "cmdline": "^nginx: master"},
            SignalReload(signal.SIGHUP, ByCmdline(re.compile("^nginx: master"))),
            id="signal-cmdline",
        ),
        pytest.param({"command": ["nginx", "-s", "reload"]}, CommandReload(("nginx", "-s", "reload")), id="command"),
        pytest.param(
            {"command": "a | b", "shell": True, "timeout": "5s", "env": {"A": "b"}},
            CommandReload((), "a | b", 5.0, {"A": "b"}),
            id="shell",
        ),
        pytest.param(
            {"command": ["a"], "user": 0, "cwd": "/srv/"},
            CommandReload(("a",), cwd=AbsolutePath("/srv"), account=account_of("root")),
            id="command-user-and-directory",
        ),
        pytest.param(
            {"http": "http://localhost:9090/-/reload"}, HttpReload("http://localhost:9090/-/reload"), id="http"
        ),
        pytest.param(
            {
                "http": "https://[::1]/r?a=b",
                "method": "PUT",
                "expect": [202],
                "headers": {"Authorization": "Bearer x", "X-Empty": ""},
                "timeout": "1s",
            },
            HttpReload(
                "https://[::1]/r?a=b", "PUT", (202,), {"Authorization": Secret("Bearer x"), "X-Empty": Secret("")}, 1.0
            ),
            id="http-with-all",
        ),
        pytest.param({"touch": "/run/stamp"}, TouchReload(AbsolutePath("/run/stamp")), id="touch"),
    ],
)
def test_what_is_written_becomes_a_reload(given: dict[str, object], expected: object) -> None:
    built = build(next(iter(given)), given)
    assert built.kind == next(iter(given))
    assert expected(built) if callable(expected) else built == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"signal": "HUP"}, "needs a `pidfile`, `unit`, `exe` or `cmdline`", id="signal-without-process"),
        pytest.param(
            {"signal": "HUP", "pidfile": "/run/a.pid", "exe": "/bin/a"}, "`cmdline`, not 2", id="signal-two-processes"
        ),
        pytest.param({"signal": "HUP", "cmdline": "("}, "missing ), unterminated", id="cmdline-no-expression"),
        pytest.param({"signal": "HUP", "cmdline": "a*"}, "matches every command line", id="cmdline-matches-all"),
        pytest.param({"signal": "HUP", "exe": "nginx"}, "absolute path", id="relative-exe"),
        pytest.param({"signal": "HUP", "unit": "a b"}, "a unit's name", id="signal-unit-with-space"),
        pytest.param({"signal": "TERM", "pidfile": "/run/a.pid"}, "for a restart use", id="signal-that-ends"),
        pytest.param({"signal": "hup", "pidfile": "/run/a.pid"}, "did you mean HUP", id="signal-lower"),
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
        pytest.param({"command": ["a"], "user": "no-such-user"}, "no user 'no-such-user'", id="unknown-user"),
        pytest.param({"command": ["a"], "user": 4294967294}, "no user '4294967294'", id="unknown-uid"),
        pytest.param({"command": ["a"], "user": ""}, "no user ''", id="empty-user"),
        pytest.param({"command": ["a"], "cwd": "srv"}, "absolute path", id="relative-directory"),
        pytest.param({"command": ["a"], "env": {"A-B": "c"}}, "'A-B' cannot be one", id="variable-name"),
        pytest.param(
            {"command": ["a"], "env": {"CONFIG_SYNC_TARGET": "c"}}, "by config-sync itself", id="own-variable"
        ),
        pytest.param({"http": "localhost:9090"}, "begin it with http://", id="http-without-scheme"),
        pytest.param({"http": "ftp://localhost/"}, "begin it with http://", id="http-by-another-scheme"),
        pytest.param({"http": "unix:/run/app.sock"}, "not a unix socket | use a `command`", id="http-unix"),
        pytest.param({"http": "http:///-/reload"}, "expected a URL", id="http-without-host"),
        pytest.param({"http": "http://u:hunter22@localhost/"}, "without user or password", id="http-with-password"),
        pytest.param({"http": "http://localhost:99999/"}, "port is malformed", id="http-port"),
        pytest.param({"http": "http://localhost:0/"}, "port is malformed", id="http-port-0"),
        pytest.param({"http": "http://localhost/a b"}, "has a blank", id="http-blank"),
        pytest.param({"http": "http://localhost/#a"}, "without #", id="http-fragment"),
        pytest.param({"http": "http://localhost/", "method": "post"}, "write POST", id="http-method-lower"),
        pytest.param({"http": "http://localhost/", "method": "P OST"}, "an HTTP method", id="http-method"),
        pytest.param({"http": "http://localhost/", "expect": [20]}, "from 100 to 599", id="http-expect"),
        pytest.param({"http": "http://localhost/", "expect": []}, "at least 1", id="http-expect-nothing"),
        pytest.param({"http": "http://localhost/", "headers": ["a"]}, "a mapping of header names", id="http-headers"),
        pytest.param({"http": "http://localhost/", "headers": {"A B": "c"}}, "name of a header", id="http-header-name"),
        pytest.param(
            {"http": "http://localhost/", "headers": {"Token": "hunter22\n"}},
            "header cannot carry",
            id="http-header-value",
        ),
        pytest.param(
            {"http": "http://localhost/", "headers": {"Content-Length": "3"}},
            "by config-sync itself",
            id="http-own-header",
        ),
        pytest.param(
            {"http": "http://localhost/", "headers": {"A": "b", "a": "c"}}, "is there twice", id="http-header-twice"
        ),
        pytest.param({"http": "http://localhost/", "timeout": "0s"}, "a duration", id="http-no-time"),
        pytest.param({"touch": "stamp"}, "absolute path", id="relative-stamp"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        build(next(iter(given)), given)
    assert says in str(caught.value)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("word", RELOADS)
def test_the_first_field_of_a_kind_is_its_word_and_all_are_documented(word: str) -> None:
    kind = RELOADS[word]
    assert kind.key == word
    assert kind.fields[0].key == word
    assert kind.doc
    assert all(one.doc for one in kind.fields)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"signal": "HUP", "pidfile": "/run/a.pid"}, "SIGHUP to the pid in /run/a.pid", id="pidfile"),
        pytest.param({"signal": "HUP", "unit": "a"}, "SIGHUP to the main process of a.service", id="unit"),
        pytest.param({"signal": "HUP", "exe": "/bin/a"}, "SIGHUP to the process of /bin/a", id="exe"),
        pytest.param(
            {"signal": "HUP", "cmdline": "a --token=x"},
            "SIGHUP to the process with the given command line",
            id="cmdline",
        ),
        pytest.param({"http": "http://h:1/hook/t0ken?key=t0ken"}, "POST to http://h:1", id="http"),
        pytest.param({"touch": "/run/stamp"}, "the stamp file /run/stamp", id="touch"),
    ],
)
def test_a_description_says_what_is_told_and_nothing_else(given: dict[str, object], says: str) -> None:
    assert build(next(iter(given)), given).describe() == says


@pytest.mark.parametrize(
    ("url", "headers", "is_warned"),
    [
        pytest.param("http://prometheus:9090/-/reload", {"Authorization": "x"}, True, id="headers-in-the-open"),
        pytest.param("http://prometheus:9090/-/reload", {}, False, id="nothing-to-protect"),
        pytest.param("https://prometheus:9090/-/reload", {"Authorization": "x"}, False, id="tls"),
        pytest.param("http://127.0.0.1:9090/-/reload", {"Authorization": "x"}, False, id="this-machine"),
    ],
)
def test_headers_that_go_over_the_network_unprotected_are_warned_of(
    url: str, headers: dict[str, object], is_warned: bool
) -> None:
    kind = RELOADS["http"]
    values = parse_table(kind.fields, node({"http": url, "headers": headers}), Problems())
    assert (kind.warning(values) is not None) == is_warned


def test_a_description_holds_neither_arguments_nor_variables() -> None:
    built = CommandReload(("login", "--password", "hunter22"), env={"TOKEN": "hunter22"})
    shell = CommandReload((), "login hunter22")
    assert built.describe() == "the command login"
    assert shell.describe() == "a shell command"
    assert "hunter22" not in repr(CommandReload(("login",), env={"TOKEN": "hunter22"}))
    assert "hunter22" not in repr(HttpReload("http://h/hunter22", headers={"Authorization": Secret("hunter22")}))
